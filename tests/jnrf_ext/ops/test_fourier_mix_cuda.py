"""Fourier mixing on CUDA; all but the loading of the library needs a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import jnrf_ext
from jnrf_ext import _loader, ops, reference

EPS32 = torch.finfo(torch.float32).eps
needs_gpu = pytest.mark.skipif(
    _loader.cuda_error is not None, reason=f"no CUDA kernels: {_loader.cuda_error}"
)


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def inputs_of(tokens: int, hidden: int, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((tokens, hidden), (hidden,), (hidden,))
    # Rounded to bfloat16, so that every dtype starts from the same numbers.
    values = [torch.randn(*shape, generator=generator).bfloat16() for shape in shapes]
    return [value.to(device, dtype).requires_grad_() for value in values]


def with_gradients(function, inputs, cu_seqlens):
    y = function(*inputs, cu_seqlens)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).bfloat16()
    return [y.detach(), *torch.autograd.grad(y, inputs, grad.to(y.device, y.dtype))]


def distances(got, wanted) -> list[float]:
    return [
        ((a.double().cpu() - b).norm() / b.norm()).item() for a, b in zip(got, wanted, strict=True)
    ]


def test_library_loads_without_a_gpu():
    """Every symbol that the CUDA library needs is in torch, whether or not there is a device."""
    if torch.version.cuda is None:
        pytest.skip(f"torch {torch.__version__} is a CPU build")
    library = Path(jnrf_ext.__file__).parent / "_C_cuda.so"
    if not library.exists():
        pytest.skip("the CUDA library was not compiled")
    program = """
import ctypes, os, sys, torch
for path in sys.argv[1:]:
    ctypes.CDLL(path, mode=os.RTLD_NOW)
for name in ("fourier_mix", "fourier_mix_norm", "fourier_mix_norm_backward"):
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"jnrf::{name}", "CUDA"), name
"""
    done = subprocess.run(
        [sys.executable, "-c", program, library.with_name("_C.so"), library],
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.cuda
@needs_gpu
@pytest.mark.parametrize(
    ("lengths", "hidden"),
    [
        ([1], 1),
        ([1, 2, 3, 0, 5, 97, 128, 127], 96),
        ([257], 33),
        ([4096], 768),
        ([4093], 768),
        ([16] * 50 + [9], 256),
        ([15000], 64),
    ],
)
def test_forward_and_backward_in_float32(lengths, hidden):
    tokens, cu_seqlens = sum(lengths), packed(*lengths)
    wanted = with_gradients(
        reference.fourier_mix_norm, inputs_of(tokens, hidden, torch.float64, "cpu"), cu_seqlens
    )
    inputs = inputs_of(tokens, hidden, torch.float32, "cuda")
    got = with_gradients(ops.fourier_mix_norm, inputs, cu_seqlens)
    if hidden == 1:  # a LayerNorm of one feature gives its bias
        assert torch.equal(got[0], inputs[2].detach().expand(tokens, 1))
        return
    assert max(distances(got, wanted)) < 8 * EPS32
    mixed = ops.fourier_mix(inputs[0], cu_seqlens.cuda())
    right = reference.fourier_mix(inputs[0].detach().double().cpu(), cu_seqlens)
    assert distances([mixed], [right])[0] < 4 * EPS32


@pytest.mark.cuda
@needs_gpu
def test_bfloat16_is_at_most_twice_as_far_off_as_plain_torch():
    lengths = [300, 41, 41]
    wanted = with_gradients(
        reference.fourier_mix_norm, inputs_of(382, 256, torch.float64, "cpu"), packed(*lengths)
    )
    inputs = inputs_of(382, 256, torch.bfloat16, "cuda")
    got = distances(with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths)), wanted)
    plain = distances(with_gradients(reference.fourier_mix_norm, inputs, packed(*lengths)), wanted)
    assert all(mine <= 2 * theirs for mine, theirs in zip(got, plain, strict=True)), (got, plain)


@pytest.mark.cuda
@needs_gpu
def test_same_bits_again():
    inputs = inputs_of(1500, 384, torch.float32, "cuda")
    first, again = (
        with_gradients(ops.fourier_mix_norm, inputs, packed(700, 800)) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.cuda
@needs_gpu
def test_wrong_arguments_name_the_operator():
    x, weight, bias = inputs_of(8, 4, torch.float32, "cuda")
    with pytest.raises(RuntimeError, match=r"jnrf::fourier_mix: cu_seqlens must end at .* 8"):
        ops.fourier_mix(x, packed(7))
    with pytest.raises(ValueError, match="x must be float32 or bfloat16 on cuda"):
        ops.fourier_mix(x.double(), packed(8))
    with pytest.raises(ValueError, match="x is on cuda:0 but weight on cpu"):
        ops.fourier_mix_norm(x, weight.cpu(), bias, packed(8))
    wide = torch.zeros(2, 6001, device="cuda")
    with pytest.raises(RuntimeError, match="at most 6000 features"):
        ops.fourier_mix(wide, packed(2))


@pytest.mark.cuda
@needs_gpu
def test_operators_pass_opcheck():
    x, weight, bias = inputs_of(12, 6, torch.float32, "cuda")
    torch.library.opcheck(torch.ops.jnrf.fourier_mix, (x, packed(5, 7)))
    torch.library.opcheck(torch.ops.jnrf.fourier_mix_norm, (x, weight, bias, packed(5, 7)))
