"""Every operator of `jnrf_ext.ops` written in plain torch, one document at a time.

These say what the compiled operators mean; the tests compare with them, and they stand in where
no kernel is compiled for a tensor's device. They are written to be read, not to be fast.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def documents(x: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, ...]:
    """The documents of ``x [T, ...]``, packed by ``cu_seqlens int32 [B + 1]``, as B views."""
    return torch.split(x, cu_seqlens.diff().tolist())


def fourier_mix(x: Tensor, cu_seqlens: Tensor, scale: float = 1.0, ortho: bool = False) -> Tensor:
    """`jnrf_ext.ops.fourier_mix` as its definition: ``scale * Re FFT2`` of every document.

    Types that torch cannot transform (bfloat16) go through float32.
    """
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    norm = "ortho" if ortho else "backward"
    mixed = [
        torch.fft.fft2(part, norm=norm).real for part in documents(wide, cu_seqlens) if part.numel()
    ]
    return (scale * torch.cat(mixed)).to(x.dtype) if mixed else x.clone()


def fourier_mix_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor,
    eps: float = 1e-5,
    scale: float = 1.0,
    ortho: bool = False,
) -> Tensor:
    """`jnrf_ext.ops.fourier_mix_norm` as its definition: ``LayerNorm(x + fourier_mix(x))``."""
    mixed = fourier_mix(x, cu_seqlens, scale, ortho)
    return functional.layer_norm(x + mixed, (x.shape[1],), weight, bias, eps)
