"""Fourier mixing on the CPU: against its definition, packed, differentiated, compiled."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from without_kernels import run_references

from jnrf_ext import _loader, ops, reference

EPS32 = torch.finfo(torch.float32).eps
# Every value passes about 2 log2(N H) <= 48 roundings of EPS32 / 2 at random: sqrt(48) / 2.
# In float64 the FFT library itself is a digit worse than that at prime lengths.
TOLERANCE = {torch.float32: 3.5 * EPS32, torch.float64: 1e-13}


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def distance(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative L2 distance."""
    return ((got.double() - wanted).norm() / wanted.norm().clamp_min(1e-300)).item()


def norm_inputs(tokens: int, hidden: int, dtype: torch.dtype = torch.float64):
    x, weight, bias = (normal(tokens, hidden), normal(hidden, seed=1), normal(hidden, seed=2))
    return [t.to(dtype).requires_grad_() for t in (x, weight, bias)]


def with_gradients(function, inputs, cu_seqlens, **settings):
    y = function(*inputs, cu_seqlens, **settings)
    grad = normal(*y.shape, seed=3).to(y.dtype)
    return [y.detach(), *torch.autograd.grad(y, inputs, grad)]


LENGTHS = [1, 2, 3, 4, 5, 7, 13, 15, 16, 17, 31, 32, 33, 97, 127, 128, 129, 251]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("hidden", [1, 2, 3, 7, 8, 16, 33, 96])
def test_mixing_is_the_real_part_of_the_transform(hidden, dtype):
    """Short documents, primes, powers of two and their neighbours, all in one batch."""
    x = normal(sum(LENGTHS), hidden)
    got = ops.fourier_mix(x.to(dtype), packed(*LENGTHS))
    wanted = reference.fourier_mix(x, packed(*LENGTHS))
    for part, right in zip(got.split(LENGTHS), wanted.split(LENGTHS), strict=True):
        assert distance(part, right) < TOLERANCE[dtype]


@pytest.mark.parametrize(("length", "hidden"), [(257, 768), (1021, 256), (15000, 48)])
def test_long_documents_in_float32(length, hidden):
    inputs = norm_inputs(length, hidden)
    wanted = with_gradients(reference.fourier_mix_norm, inputs, packed(length))
    inputs = norm_inputs(length, hidden, torch.float32)
    got = with_gradients(ops.fourier_mix_norm, inputs, packed(length))
    # The gradients pass two transforms and, for weight and bias, a sum over the tokens.
    for value, right, factor in zip(got, wanted, (1, 2, 2, 2), strict=True):
        assert distance(value, right) < factor * TOLERANCE[torch.float32]


@pytest.mark.parametrize("ortho", [False, True])
def test_scale_multiplies_the_mixed_tokens(ortho):
    inputs, cu_seqlens = norm_inputs(30, 12), packed(11, 1, 18)
    settings = {"eps": 1e-3, "scale": -0.37, "ortho": ortho}
    got = with_gradients(ops.fourier_mix_norm, inputs, cu_seqlens, **settings)
    wanted = with_gradients(reference.fourier_mix_norm, inputs, cu_seqlens, **settings)
    torch.testing.assert_close(got, wanted)
    mixed = ops.fourier_mix(inputs[0], cu_seqlens, scale=-0.37, ortho=ortho)
    torch.testing.assert_close(
        mixed, reference.fourier_mix(inputs[0], cu_seqlens, scale=-0.37, ortho=ortho)
    )


def test_scale_zero_is_a_layer_norm():
    x, weight, bias = norm_inputs(9, 10)
    got = ops.fourier_mix_norm(x, weight, bias, packed(9), scale=0.0)
    torch.testing.assert_close(got, torch.nn.functional.layer_norm(x, (10,), weight, bias))


def test_first_value_is_the_sum_of_the_document():
    x = normal(20, 6)
    mixed = ops.fourier_mix(x, packed(20))
    torch.testing.assert_close(mixed[0, 0], x.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_packed_documents_equal_documents_one_by_one(dtype):
    lengths = [16] * 40 + [3, 0, 500, 16, 131, 1, 64, 64]
    inputs = norm_inputs(sum(lengths), 24, dtype)
    together = with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths))

    def loop(x, weight, bias, _):
        parts = x.split(lengths)
        one_by_one = [ops.fourier_mix_norm(p, weight, bias, packed(len(p))) for p in parts]
        return torch.cat(one_by_one)

    alone = with_gradients(loop, inputs, None)
    for value, right in zip(together, alone, strict=True):
        assert distance(value, right.double()) < 2 * TOLERANCE[dtype]


@given(
    lengths=st.lists(st.integers(0, 40), max_size=6),
    window=st.integers(1, 12),
    shift=st.integers(0, 30),
)
def test_windows_partition_each_document(lengths, window, shift):
    bounds = packed(*lengths)
    cuts = reference.windows(bounds, window, shift).tolist()
    assert cuts[0] == 0
    assert cuts[-1] == sum(lengths)
    assert set(bounds.tolist()) <= set(cuts)
    sizes = [b - a for a, b in pairwise(cuts)]
    assert all(0 < size <= window for size in sizes)


def test_a_shift_shortens_the_first_window():
    assert reference.windows(packed(7, 3), 4, 3).tolist() == [0, 1, 5, 7, 8, 10]
    assert reference.windows(packed(7, 3), 4, 7).tolist() == [0, 1, 5, 7, 8, 10]


def test_window_zero_is_the_whole_document():
    assert torch.equal(reference.windows(packed(5, 4), 0, 3), packed(5, 4))


@pytest.mark.parametrize("ortho", [False, True])
@pytest.mark.parametrize(
    ("window", "shift"), [(1, 0), (2, 1), (4, 0), (4, 67), (8, 6), (13, 5), (40, 3), (2**31 - 1, 9)]
)
def test_windows_are_mixed_like_documents(window, shift, ortho):
    lengths = [7, 0, 1, 40, 64, 3]
    inputs = norm_inputs(sum(lengths), 12)
    settings = {"scale": 0.7, "ortho": ortho}
    cuts = reference.windows(packed(*lengths), window, shift)
    one_by_one = with_gradients(ops.fourier_mix_norm, inputs, cuts, **settings)
    settings |= {"window": window, "shift": shift}
    got = with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths), **settings)
    assert all(torch.equal(a, b) for a, b in zip(got, one_by_one, strict=True))
    wanted = with_gradients(reference.fourier_mix_norm, inputs, packed(*lengths), **settings)
    torch.testing.assert_close(got, wanted)
    mixed = ops.fourier_mix(inputs[0], packed(*lengths), **settings)
    torch.testing.assert_close(
        mixed, reference.fourier_mix(inputs[0], packed(*lengths), **settings)
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_bits_again_whatever_the_number_of_threads(threads):
    # Not 32 or 64: MKL itself transforms these otherwise with one thread than with more.
    lengths, before = [700, 60, 60, 333, 1], torch.get_num_threads()
    inputs = norm_inputs(sum(lengths), 96, torch.float32)
    first = with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths))
    try:
        torch.set_num_threads(threads)
        again = with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_inputs_need_not_be_contiguous():
    wide = normal(40, 34)
    x, weight = wide[::2, 1::2], normal(34)[::2]
    torch.testing.assert_close(
        ops.fourier_mix_norm(x, weight, weight, packed(20)),
        ops.fourier_mix_norm(x.contiguous(), weight.contiguous(), weight, packed(20)),
    )
    torch.testing.assert_close(
        ops.fourier_mix(wide.T, packed(34)), reference.fourier_mix(wide.T, packed(34))
    )
    every_second = torch.tensor([0, -1, 12, -1, 20], dtype=torch.int32)[::2]
    torch.testing.assert_close(
        ops.fourier_mix(x, every_second), reference.fourier_mix(x, packed(12, 8))
    )


def test_gradients():
    cu_seqlens = packed(3, 0, 1, 6, 3)
    inputs = norm_inputs(13, 5)
    assert torch.autograd.gradcheck(
        lambda *given: ops.fourier_mix_norm(*given, cu_seqlens, 1e-5, 0.7), inputs
    )
    assert torch.autograd.gradcheck(
        lambda *given: ops.fourier_mix_norm(*given, cu_seqlens, window=4, shift=3), inputs
    )
    for window in (0, 4):
        mix = lambda x: ops.fourier_mix(x, cu_seqlens, 0.7, False, window, 1)  # noqa: B023, E731
        assert torch.autograd.gradcheck(mix, inputs[:1])
        assert torch.autograd.gradgradcheck(mix, inputs[:1])


def test_second_derivative_of_the_norm_is_refused():
    inputs = norm_inputs(4, 5)
    y = ops.fourier_mix_norm(*inputs, packed(4))
    (grad,) = torch.autograd.grad(y.pow(3).sum(), inputs[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        grad.sum().backward()


def test_nothing_is_kept_without_gradients():
    inputs = [t.detach() for t in norm_inputs(12, 6)]
    kept = torch.ops.jnrf.fourier_mix_norm(*inputs, packed(12), save=False)
    saved = torch.ops.jnrf.fourier_mix_norm(*inputs, packed(12), save=True)
    assert [t.numel() for t in kept[1:]] == [0, 0, 0]
    assert [tuple(t.shape) for t in saved[1:]] == [(12, 6), (12,), (12,)]
    assert torch.equal(kept[0], saved[0])
    with torch.inference_mode():
        assert torch.equal(ops.fourier_mix_norm(*inputs, packed(12)), saved[0])


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
def test_no_tokens_give_no_tokens(lengths):
    inputs = norm_inputs(0, 7)
    y, *grads = with_gradients(ops.fourier_mix_norm, inputs, packed(*lengths))
    assert y.shape == (0, 7)
    assert [tuple(g.shape) for g in grads] == [(0, 7), (7,), (7,)]
    assert not grads[1].any()
    assert not grads[2].any()
    assert ops.fourier_mix(inputs[0], packed(*lengths)).shape == (0, 7)


@pytest.mark.parametrize(
    ("cu_seqlens", "message"),
    [
        ([1, 5], "must start at 0, but starts at 1"),
        ([0, 4, 3, 5], "must not decrease, but goes from 4 to 3 at document 1"),
        ([0, 4], "must end at the number of tokens, 5, but ends at 4"),
        ([0, 9], "must end at the number of tokens, 5, but ends at 9"),
        ([0, -3, 5], "must not decrease, but goes from 0 to -3"),
    ],
)
def test_bounds_that_are_wrong(cu_seqlens, message):
    bounds = torch.tensor(cu_seqlens, dtype=torch.int32)
    with pytest.raises(RuntimeError, match=rf"jnrf::fourier_mix: cu_seqlens {message}"):
        ops.fourier_mix(normal(5, 4), bounds)
    with pytest.raises(RuntimeError, match=rf"jnrf::fourier_mix_norm: cu_seqlens {message}"):
        ops.fourier_mix_norm(normal(5, 4), normal(4), normal(4), bounds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": normal(5)}, r"x must be \[tokens, hidden\], not \[5\]"),
        ({"x": normal(5, 4).half()}, "x must be float32 or float64 on cpu, not torch.float16"),
        ({"x": normal(5, 4).to(torch.complex64)}, "not torch.complex64"),
        ({"weight": normal(3)}, r"weight must be \[4\], not \[3\]"),
        ({"bias": normal(1, 4)}, r"bias must be \[4\], not \[1, 4\]"),
        ({"bias": normal(4).float()}, "x is torch.float64 but bias is torch.float32"),
        ({"weight": normal(4).to("meta")}, "x is on cpu but weight on meta"),
        ({"cu_seqlens": packed(5).long()}, "cu_seqlens must be int32, not torch.int64"),
        ({"cu_seqlens": packed(5)[:0]}, r"cu_seqlens must be \[documents \+ 1\], not \[0\]"),
        ({"cu_seqlens": packed(5)[None]}, r"cu_seqlens must be \[documents \+ 1\], not \[1, 2\]"),
        ({"cu_seqlens": packed(5).to("meta")}, "x is on cpu but cu_seqlens on meta"),
        ({"window": -1}, r"window must be from 0 to 2\^31 - 1, but is -1"),
        ({"window": 2**31}, r"window must be from 0 to 2\^31 - 1, but is 2147483648"),
        ({"window": 2, "shift": -1}, "shift must not be negative, but is -1"),
    ],
)
def test_arguments_that_are_wrong(change, message):
    right = {"x": normal(5, 4), "weight": normal(4), "bias": normal(4), "cu_seqlens": packed(5)}
    with pytest.raises(ValueError, match=rf"fourier_mix_norm: .*{message}"):
        ops.fourier_mix_norm(**{**right, **change})


def test_operators_pass_opcheck():
    x, weight, bias = norm_inputs(12, 6)
    cu_seqlens = packed(5, 0, 7)
    for windows in ((), (3, 1)):
        settings = (0.5, True, *windows)
        torch.library.opcheck(torch.ops.jnrf.fourier_mix, (x, cu_seqlens, *settings))
        norm = torch.ops.jnrf.fourier_mix_norm
        torch.library.opcheck(norm, (x, weight, bias, cu_seqlens, 1e-5, *settings))
        with torch.no_grad():
            y, *saved = norm(x, weight, bias, cu_seqlens)
            torch.library.opcheck(
                torch.ops.jnrf.fourier_mix_norm_backward,
                (y, *saved, weight.detach(), cu_seqlens, *settings),
            )


@pytest.mark.parametrize("window", [0, 3])
def test_compiles_as_one_graph_forward_and_backward(window):
    inputs, cu_seqlens = norm_inputs(12, 6), packed(5, 7)

    def layer(x, weight, bias, cu_seqlens):
        y = ops.fourier_mix_norm(x, weight, bias, cu_seqlens, window=window, shift=1)
        return ops.fourier_mix(y * 2, cu_seqlens, window=window, shift=1)

    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(
        with_gradients(compiled, inputs, cu_seqlens), with_gradients(layer, inputs, cu_seqlens)
    )


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa, tmp_path):
    """A process that is held to an older instruction set gives the same result."""
    program = """
import sys, torch
from jnrf_ext import _loader, ops
x, weight, bias, grad, cu_seqlens = torch.load(sys.argv[1])
x.requires_grad_(); weight.requires_grad_()
y = ops.fourier_mix_norm(x, weight, bias, cu_seqlens)
torch.save((y.detach(), *torch.autograd.grad(y, (x, weight), grad)), sys.argv[2])
print(_loader.cpu_isa())
"""
    lengths = [1, 9, 40, 2, 131]
    x, weight, bias = norm_inputs(sum(lengths), 45, torch.float32)
    grad = normal(sum(lengths), 45, seed=3).float()
    given = [t.detach() for t in (x, weight, bias, grad)]
    torch.save((*given, packed(*lengths)), tmp_path / "in.pt")
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "in.pt", tmp_path / "out.pt"],
        env={**os.environ, "JNRF_CPU_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    order = ("baseline", "avx2", "avx512")
    assert done.stdout.strip() == min(isa, _loader.cpu_isa(), key=order.index)
    y = ops.fourier_mix_norm(x, weight, bias, packed(*lengths))
    here = (y, *torch.autograd.grad(y, (x, weight), grad))
    for other, mine in zip(torch.load(tmp_path / "out.pt"), here, strict=True):
        assert distance(other, mine.detach().double()) < 2 * TOLERANCE[torch.float32]


def test_reference_stands_in_where_no_kernel_is_compiled(monkeypatch):
    """The plain-torch version runs instead, and says so once."""
    run_references(monkeypatch)
    x, weight = normal(6, 4), normal(4)
    with pytest.warns(UserWarning, match="jnrf::fourier_mix runs as its plain-torch reference"):
        got = ops.fourier_mix(x, packed(6))
    torch.testing.assert_close(got, reference.fourier_mix(x, packed(6)))
    with pytest.warns(UserWarning, match="jnrf::fourier_mix_norm runs as its plain-torch"):
        ops.fourier_mix_norm(x, weight, weight, packed(6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ops.fourier_mix(x, packed(6))
