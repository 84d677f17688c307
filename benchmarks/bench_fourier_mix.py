"""Fourier mixing with residual and LayerNorm against eager torch, forward and backward."""

from __future__ import annotations

import math

import pytest
import torch
from clocks import in_graph
from floors import Least
from torch import Tensor
from torch.nn import functional

from jnrf_ext import ops, reference

HIDDEN = 768
WORK = "fourier_mix_norm forward+backward"


class Step:
    """Forward and backward on packed documents, for any function of their tensors."""

    def __init__(self, device: torch.device, lengths: list[int]):
        generator = torch.Generator().manual_seed(0)
        tokens = sum(lengths)
        x, self.grad = (
            torch.randn(tokens, HIDDEN, generator=generator).to(device) for _ in range(2)
        )
        weight, bias = (torch.randn(HIDDEN, generator=generator).to(device) for _ in range(2))
        self.inputs = [t.requires_grad_() for t in (x, weight, bias)]
        self.cu_seqlens = torch.tensor([0, *lengths]).cumsum(0).int()

    def __call__(self, function) -> tuple[Tensor, ...]:
        y = function(*self.inputs, self.cu_seqlens)
        return y.detach(), *torch.autograd.grad(y, self.inputs, self.grad)


def least(lengths: list[int]) -> Least:
    """x and the gradient read, y and the gradient of x written, and x or a sum read once again.

    Operations: a real FFT of both axes, forward and backward, as split radices count it.
    """
    transforms = sum(2.5 * n * HIDDEN * math.log2(n * HIDDEN) for n in lengths)
    return Least(5 * 4 * sum(lengths) * HIDDEN, {"plain": 2 * transforms})


def eager(x, weight, bias, cu_seqlens):
    """What the reference code does with one document."""
    return functional.layer_norm(x + torch.fft.fft2(x).real, (HIDDEN,), weight, bias)


def compare_step(
    compare, step: Step, size: str, lengths: list[int], peer, ours=ops.fourier_mix_norm, **options
) -> None:
    compare(
        WORK,
        size,
        ours=lambda: step(ours),
        peer=lambda: step(peer),
        tolerance=1e-5,  # the weight gradients of float32 eager are off by 2e-6 themselves
        least=least(lengths),
        **options,
    )


@pytest.mark.parametrize("length", [512, 2048, 4096, 4093, 15000])
class TestOneDocument:
    """N = 4093 is a prime."""

    def test_eager(self, compare, device, length):
        target = 5.0 if device.type == "cuda" else 2.0
        step, size = Step(device, [length]), f"N={length} H={HIDDEN}"
        compare_step(compare, step, size, [length], eager, target=target, memory=True)

    def test_compiled(self, compare, device, length, compiled):
        target = 4.0 if device.type == "cuda" else None
        step, size = Step(device, [length]), f"N={length} H={HIDDEN}"
        named = dict(peer_name="compiled", target=target, memory=True)
        compare_step(compare, step, size, [length], compiled(eager), **named)

    def test_in_graphs(self, compare, device, length):
        """Without the host's share: both sides replay a CUDA graph."""
        if device.type != "cuda":
            pytest.skip("CUDA graphs need a GPU")
        step = Step(device, [length])
        compare(
            f"{WORK}, CUDA graph",
            f"N={length} H={HIDDEN}",
            ours=in_graph(lambda: step(ops.fourier_mix_norm)),
            peer=in_graph(lambda: step(eager)),
            least=least([length]),
        )


@pytest.mark.parametrize("documents", [1, 16])
@pytest.mark.parametrize("length", [64, 127, 256, 509, 512, 1021, 1024, 2048, 4093, 4096])
def test_both_paths(compare, device, length, documents):
    """The product on the tensor cores against cuFFT, to choose between them by length."""
    if device.type != "cuda":
        pytest.skip("the CPU has one path")
    lengths = [length] * documents
    step = Step(device, lengths)

    def by_path(limit: int):
        """The step as a graph, made with the product for documents up to that length."""
        before = ops.fourier_product_limit(limit)
        try:
            return in_graph(lambda: step(ops.fourier_mix_norm))
        finally:
            ops.fourier_product_limit(before)

    compare(
        f"{WORK}, by product, CUDA graph",
        f"{documents} x N={length} H={HIDDEN}",
        ours=by_path(length),
        peer=by_path(0),
        peer_name="ours, by cuFFT",
        seconds=0.5,
        least=least(lengths),
    )


def test_packed_documents(compare, device):
    lengths = torch.randint(50, 501, (64,), generator=torch.Generator().manual_seed(1)).tolist()
    compare_step(
        compare,
        Step(device, lengths),
        f"64 documents of 50-500, H={HIDDEN}",
        lengths,
        reference.fourier_mix_norm,
        target=20.0 if device.type == "cuda" else 2.0,
        memory=True,
    )


@pytest.mark.parametrize("window", [2, 16, 64])
@pytest.mark.parametrize("peer", ["eager", "eager, batched"])
def test_windows(compare, device, window, peer):
    """A layer that mixes within short windows of one document.

    "eager" transforms them one by one, "eager, batched" all in one call, as windows of one length
    allow.
    """
    tokens = 4096
    if peer == "eager" and window < 16:
        pytest.skip("thousands of windows one by one take too long to measure")
    one_by_one = [window] * (tokens // window)

    def batched(x, weight, bias, cu_seqlens):
        mixed = torch.fft.fft2(x.view(-1, window, HIDDEN)).real.reshape(x.shape)
        return functional.layer_norm(x + mixed, (HIDDEN,), weight, bias)

    def each(x, weight, bias, cu_seqlens):
        return reference.fourier_mix_norm(x, weight, bias, cu_seqlens, window=window)

    compare_step(
        compare,
        Step(device, [tokens]),
        f"{len(one_by_one)} windows of {window}, H={HIDDEN}",
        one_by_one,
        each if peer == "eager" else batched,
        ours=lambda *inputs: ops.fourier_mix_norm(*inputs, window=window),
        peer_name=peer,
    )
