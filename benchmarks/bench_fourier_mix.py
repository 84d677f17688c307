"""Fourier mixing with residual and LayerNorm against eager torch, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from jnrf_ext import ops, reference

HIDDEN = 768


def _compare_step(compare, device, lengths, size, target, **options):
    generator = torch.Generator().manual_seed(0)
    tokens = sum(lengths)
    x, grad = (torch.randn(tokens, HIDDEN, generator=generator).to(device) for _ in range(2))
    weight, bias = (torch.randn(HIDDEN, generator=generator).to(device) for _ in range(2))
    inputs = [t.requires_grad_() for t in (x, weight, bias)]
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0).int()

    def step(function):
        y = function(x, weight, bias, cu_seqlens)
        return y.detach(), *torch.autograd.grad(y, inputs, grad)

    def eager(x, weight, bias, cu_seqlens):
        if len(lengths) > 1:
            return reference.fourier_mix_norm(x, weight, bias, cu_seqlens)
        return functional.layer_norm(x + torch.fft.fft2(x).real, (HIDDEN,), weight, bias)

    compare(
        "fourier_mix_norm forward+backward",
        size,
        ours=lambda: step(ops.fourier_mix_norm),
        peer=lambda: step(eager),
        target=target,
        tolerance=1e-5,  # the weight gradients of float32 eager are off by 2e-6 themselves
        **options,
    )


@pytest.mark.parametrize("length", [512, 2048, 4096, 4093, 15000])
def test_one_document(compare, device, length):
    """N = 4093 is a prime."""
    target = 5.0 if device.type == "cuda" else 2.0
    _compare_step(compare, device, [length], f"N={length} H={HIDDEN}", target, memory=True)


def test_packed_documents(compare, device):
    lengths = torch.randint(50, 501, (64,), generator=torch.Generator().manual_seed(1)).tolist()
    target = 20.0 if device.type == "cuda" else 2.0
    _compare_step(compare, device, lengths, f"64 documents of 50-500, H={HIDDEN}", target)


@pytest.mark.parametrize("window", [16, 64])
def test_windows(compare, device, window):
    """A layer that mixes within short windows of one document."""
    lengths = [window] * (4096 // window)
    _compare_step(compare, device, lengths, f"{len(lengths)} windows of {window}, H={HIDDEN}", None)
