"""What follows from the bounds of packed documents alone."""

from __future__ import annotations

import torch
from torch import Tensor

from jnrf_ext import _loader, reference


def token_positions(x: Tensor, cu_seqlens: Tensor, first: int = 0) -> Tensor:
    """The position of every token in its document.

    Args:
        x: ``[T, ...]``, the packed documents; only its length and its device count.
        cu_seqlens: int32 ``[B + 1]``, where each document starts, then T; on the device of ``x``
            or on the CPU, from where nothing waits for the device.
        first: position of the first token of every document.

    Returns:
        int64 ``[T]`` on the device of ``x``. Not differentiable.

    Raises:
        ValueError: a wrong shape, dtype or device.
        RuntimeError: ``cu_seqlens`` does not start at 0, decreases, or does not end at T. Bounds on
            a CUDA device are not read by the host: there tokens beyond the last document count on
            from its start, and positions stay below ``first + T`` whatever the bounds.
    """
    op = "token_positions"
    if x.dim() < 1:
        raise ValueError(f"{op}: x must be [T, ...], not []")
    if cu_seqlens.dim() != 1 or cu_seqlens.shape[0] < 1 or cu_seqlens.dtype != torch.int32:
        raise ValueError(
            f"{op}: cu_seqlens must be int32 [B + 1], not {cu_seqlens.dtype} "
            f"{list(cu_seqlens.shape)}"
        )
    if cu_seqlens.device.type != "cpu" and cu_seqlens.device != x.device:
        raise ValueError(f"{op}: x is on {x.device} but cu_seqlens on {cu_seqlens.device}")
    if not _loader.has_kernel(op, x.device):
        _loader.warn_reference(op, x.device)
        return reference.token_positions(x, cu_seqlens, first)
    return torch.ops.jnrf.token_positions(x.detach(), cu_seqlens, first)


@torch.library.register_fake("jnrf::token_positions")
def _(x, cu_seqlens, first=0):
    return x.new_empty(x.shape[0], dtype=torch.int64)
