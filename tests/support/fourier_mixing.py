"""Inputs for Fourier mixing on CUDA, or its stand-in, and its distance from the CPU operators."""

from __future__ import annotations

from contextlib import contextmanager

import torch

EPS = {torch.float32: torch.finfo(torch.float32).eps, torch.float64: torch.finfo(torch.float64).eps}
SHORT = 16  # tokens of windows that one kernel mixes


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Rounded to bfloat16, so that every dtype starts from the same numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).bfloat16().double()


def norm_inputs(tokens: int, hidden: int) -> list[torch.Tensor]:
    return [normal(tokens, hidden), normal(hidden, seed=1), normal(hidden, seed=2)]


class Cpu:
    """The CPU operators, where a backend can stand."""

    @staticmethod
    def op(name):
        return getattr(torch.ops.jnrf, name)

    @staticmethod
    def move(values):
        return values


def results(backend, inputs, cu_seqlens, *settings, dtype=torch.float64):
    """y and the gradients of x, weight and bias, then what was kept between; cu_seqlens stay."""
    x, weight, bias, grad = backend.move([t.to(dtype) for t in (*inputs, normal(*inputs[0].shape))])
    y, *kept = backend.op("fourier_mix_norm")(x, weight, bias, cu_seqlens, 1e-5, *settings)
    grads = backend.op("fourier_mix_norm_backward")(grad, *kept, weight, cu_seqlens, *settings)
    return [y, *grads, *kept]


def distances(got, wanted) -> list[float]:
    return [
        ((a.double().cpu() - b).norm() / b.norm().clamp_min(1e-300)).item()
        for a, b in zip(got, wanted, strict=True)
    ]


@contextmanager
def product_limit(backend, tokens: int):
    """The longest documents that go by the product; 0 leaves all to cuFFT."""
    before = backend.op("fourier_product_limit")(tokens)
    try:
        yield
    finally:
        backend.op("fourier_product_limit")(before)
