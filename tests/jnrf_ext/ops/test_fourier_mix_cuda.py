"""Fourier mixing on CUDA, or its stand-in, against the CPU operators in float64."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from cuda_backends import BACKENDS, Gpu, Host
from fourier_mixing import (
    EPS,
    SHORT,
    Cpu,
    distances,
    norm_inputs,
    normal,
    packed,
    product_limit,
    results,
)

import jnrf_ext
from jnrf_ext import ops, reference

MIXED = [1, 2, 3, 0, 5, 31, 32, 33, 0, 47, 64, 65, 7, 1]
BATCHES = [
    ([1], 1),
    (MIXED, 1),
    (MIXED, 2),
    (MIXED, 7),
    (MIXED, 8),
    ([0, 13, 4], 33),
    ([61], 40),
    ([9] * 30 + [128, 127], 12),
    ([2, 1, 3], 260),
    ([257], 20),
    ([128, 127, 40, 65], 36),
    ([3, 0, 10], 210),  # 2 * 3 * 5 * 7
    ([5, 33], 77),  # a radix without a pass of its own
    ([6, 1], 97),  # a prime factor that only cuFFT has
    ([2, 9], 1024),  # the most that the product serves
    ([6, 1], 768),
    ([3, 2], 512),  # powers of two: rows with free places
    ([4, 1], 128),
    ([5], 640),
    ([3], 1028),
]


@contextmanager
def plan_limit(backend, plans: int):
    """A cache of no plans yet, and of at most so many."""
    backend.op("clear_fourier_plans")()
    before = backend.op("fourier_plan_limit")(plans)
    try:
        yield
    finally:
        backend.op("fourier_plan_limit")(before)
        backend.op("clear_fourier_plans")()


def plan_lengths(backend) -> list[int]:
    return backend.op("fourier_plans")()[:, 1].tolist()


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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("dtype", "limit"),
    [(torch.float32, 0), (torch.float32, 40), (torch.float32, 512), (torch.float64, 512)],
    ids=str,
)
@pytest.mark.parametrize(("window", "shift"), [(0, 0), (8, 3)])
@pytest.mark.parametrize(("lengths", "hidden"), BATCHES, ids=lambda x: str(x)[:12])
def test_equals_the_cpu_operators(backend, lengths, hidden, limit, window, shift, dtype):
    """Lengths 1, 2, primes, powers of two and their neighbours; windows; either way or both."""
    inputs, cu_seqlens = norm_inputs(sum(lengths), hidden), packed(*lengths)
    settings = (0.7, True, window, shift)
    with product_limit(backend, limit):
        got = backend.every_order(
            lambda: results(backend, inputs, cu_seqlens, *settings, dtype=dtype)
        )
    wanted = results(Cpu, inputs, cu_seqlens, *settings)
    assert [t.dtype for t in got] == [dtype] * len(got)
    if hidden > 2:  # one or two features are normalised to -1 and 1: errors become large ones
        assert max(distances(got, wanted)) < 8 * EPS[dtype] * (1 if dtype == torch.float32 else 8)
    x = inputs[0].to(dtype)
    with product_limit(backend, limit):
        mixed = backend.op("fourier_mix")(backend.move(x), cu_seqlens, *settings)
    right = ops.fourier_mix(inputs[0], cu_seqlens, *settings)
    assert distances([mixed], [right])[0] < 4 * EPS[dtype] * (1 if dtype == torch.float32 else 8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("limit", [0, 512])
@pytest.mark.parametrize(("lengths", "hidden"), [([1], 6), (MIXED, 33), ([128, 127, 65], 32)])
def test_bfloat16_is_at_most_twice_as_far_off_as_plain_torch(backend, lengths, hidden, limit):
    inputs, cu_seqlens = norm_inputs(sum(lengths), hidden), packed(*lengths)
    wanted = results(Cpu, inputs, cu_seqlens)
    with product_limit(backend, limit):
        got = backend.every_order(
            lambda: results(backend, inputs, cu_seqlens, dtype=torch.bfloat16)
        )
    assert [t.dtype for t in got] == [torch.bfloat16] * 4 + [torch.float32] * 3
    plain = [t.bfloat16().requires_grad_() for t in inputs]
    y = reference.fourier_mix_norm(*plain, cu_seqlens)
    theirs = [y.detach(), *torch.autograd.grad(y, plain, normal(*y.shape).bfloat16())]
    for mine, their in zip(
        distances(got[:4], wanted[:4]), distances(theirs, wanted[:4]), strict=True
    ):
        # Both may be as near as the type allows.
        assert mine <= max(2 * their, torch.finfo(torch.bfloat16).eps / 2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [1, 2, 17, 127, 128, 257, 509, 512])
def test_the_product_is_as_accurate_as_float32(backend, length):
    x = (normal(length, 48) * (1 + normal(48, seed=5) / 1000)).float()  # all of its bits
    with plan_limit(backend, 1):
        got = backend.op("fourier_mix")(backend.move(x), packed(length))
        assert plan_lengths(backend) == []
    assert distances([got], [ops.fourier_mix(x.double(), packed(length))])[0] < 4 * EPS[x.dtype]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [8192, 8209, 8232], ids=["one kernel", "prime", "several"])
def test_documents_beyond_what_cufft_transforms_in_one_kernel(backend, length):
    """With small factors only they go whole, else by columns; the results are the same."""
    x, bounds = normal(length, 2), packed(length)
    with product_limit(backend, 0):
        mixed = backend.op("fourier_mix")(*backend.move([x.float()]), bounds).cpu()
    assert distances([mixed], [torch.fft.fft2(x).real])[0] < 2 * EPS[torch.float32]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("limit", [0, 512])
def test_packed_documents_equal_documents_one_by_one(backend, limit, dtype):
    """To the bit, though products are cut otherwise where there is more to do."""
    lengths = [128, 127, 40, 65, 1, 2, 200]
    inputs = norm_inputs(sum(lengths), 36)
    with product_limit(backend, limit):
        y, grad, _, _, *kept = results(backend, inputs, packed(*lengths), dtype=dtype)
        firsts = packed(*lengths)[:-1].tolist()
        for first, length in zip(firsts, lengths, strict=True):
            x, weight, bias = (
                t.to(dtype) for t in (inputs[0][first : first + length], *inputs[1:])
            )
            out, *saved = backend.op("fourier_mix_norm")(
                *backend.move([x, weight, bias]), packed(length)
            )
            for part, whole in zip((out, *saved), (y, *kept), strict=True):
                assert torch.equal(part, whole[first : first + length])
            outer = normal(*inputs[0].shape)[first : first + length].to(dtype)
            grad_x, *_ = backend.op("fourier_mix_norm_backward")(
                backend.move(outer), *saved, backend.move(weight), packed(length)
            )
            assert torch.equal(grad_x, grad[first : first + length])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("limit", [0, 5, 512])
@pytest.mark.parametrize(
    ("window", "shift"), [(1, 0), (2, 1), (7, 0), (16, 21), (64, 3), (70, 69), (512, 9)]
)
def test_windows_equal_documents_of_their_bounds(backend, window, shift, limit):
    """To the bit, though where short windows begin is worked out on the device."""
    lengths = [7, 0, 1, 140, 64, 3, 70]
    x = backend.move(normal(sum(lengths), 32).float())
    mix = backend.op("fourier_mix")
    cuts = reference.windows(packed(*lengths), window, shift)
    # Short windows have a kernel of their own, in which documents that are windows already stay.
    kept = window if window <= min(limit, SHORT) else 0
    with product_limit(backend, limit):
        got = backend.every_order(lambda: mix(x, packed(*lengths), 0.7, True, window, shift))
        assert torch.equal(got, mix(x, cuts, 0.7, True, kept, 0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_thousands_of_documents(backend):
    """More bounds than one launch brings to the device."""
    lengths = [1 + i % 8 for i in range(2000)]
    x = normal(sum(lengths), 4)
    got = backend.op("fourier_mix")(backend.move(x.float()), packed(*lengths))
    assert distances([got], [ops.fourier_mix(x, packed(*lengths))])[0] < 4 * EPS[torch.float32]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_number_stays_in_its_document(backend):
    x = normal(100, 24).float()
    x[40:] = float("nan")
    got = backend.op("fourier_mix")(backend.move(x), packed(40, 33, 27)).cpu()
    assert torch.equal(got[:40], backend.op("fourier_mix")(backend.move(x[:40]), packed(40)).cpu())
    assert got[40:].isnan().all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_saving(backend):
    x, weight, bias = backend.move([t.float() for t in norm_inputs(12, 6)])
    norm = backend.op("fourier_mix_norm")
    kept = norm(x, weight, bias, packed(5, 7), save=False)
    saved = norm(x, weight, bias, packed(5, 7), save=True)
    assert [t.numel() for t in kept[1:]] == [0, 0, 0]
    assert torch.equal(kept[0], saved[0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("hidden", [8, 9, 94, 97])  # the last two by cuFFT alone
@pytest.mark.parametrize("limit", [0, 512])
def test_inputs_need_not_be_aligned_or_contiguous(backend, limit, hidden, dtype):
    """Documents may start anywhere in memory, which neither cuFFT nor vector loads allow."""
    with product_limit(backend, limit):
        check_unaligned_inputs(backend, hidden, dtype)


def check_unaligned_inputs(backend, hidden, dtype):
    norm = backend.op("fourier_mix_norm")
    wide = backend.move(normal(40, 2 * hidden).to(dtype))
    flat, weight = wide.flatten(), wide[0]
    for x in (wide[::2, 1::2], flat[3 : 3 + 20 * hidden].view(20, hidden)):
        for features in (weight[:hidden], weight[1 : 1 + hidden], weight[::2]):
            got = norm(x, features, features, packed(3, 17))
            aligned = norm(x.clone(), features.clone(), features.clone(), packed(3, 17))
            # Four numbers at a time are added in another order than one.
            for a, b in zip(got, aligned, strict=True):
                torch.testing.assert_close(a, b)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
def test_no_tokens_give_no_tokens(backend, lengths):
    y, grad_x, grad_weight, grad_bias, *_ = results(
        backend, norm_inputs(0, 7), packed(*lengths), dtype=torch.float32
    )
    assert y.shape == grad_x.shape == (0, 7)
    assert not grad_weight.any()
    assert not grad_bias.any()
    x = backend.move(torch.zeros(0, 7))
    assert backend.op("fourier_mix")(x, packed(*lengths)).shape == (0, 7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_plans_are_kept_up_to_a_limit(backend):
    mix = lambda *lengths: backend.op("fourier_mix")(  # noqa: E731
        backend.move(normal(sum(lengths), 6)), packed(*lengths)
    )
    with plan_limit(backend, 3):
        mix(4, 5, 4)
        assert backend.op("fourier_plans")()[:, 1:4].tolist() == [[4, 6, 1], [5, 6, 1]]
        assert backend.op("fourier_plans")()[:, 5].tolist() == [2, 1]
        mix(6)
        mix(5)
        assert plan_lengths(backend) == [5, 6, 4]
        mix(7)
        assert plan_lengths(backend) == [7, 5, 6]
        x = normal(26, 6)  # more lengths at once than are kept
        many = backend.op("fourier_mix")(backend.move(x), packed(2, 3, 8, 9, 4))
        assert distances([many], [ops.fourier_mix(x, packed(2, 3, 8, 9, 4))])[0] < 1e-14
        assert plan_lengths(backend) == [4, 9, 8]
        assert backend.op("fourier_plan_limit")(1) == 3
        assert plan_lengths(backend) == [4]
        backend.op("clear_fourier_plans")()
        assert plan_lengths(backend) == []


def test_no_plan_is_made_while_a_graph_is_captured():
    backend = Host()
    x = normal(9, 6)
    mix = lambda *lengths: backend.op("fourier_mix")(x, packed(*lengths))  # noqa: E731
    with plan_limit(backend, 2):
        mix(4, 5)
        torch.ops.jnrf_on_host.set_capturing(True)
        try:
            mix(4, 5)
            with pytest.raises(RuntimeError, match="no cuFFT plan yet for 9 tokens of 6 features"):
                mix(9)
        finally:
            torch.ops.jnrf_on_host.set_capturing(False)
        # What a graph uses stays, whatever comes after it.
        mix(9)
        mix(3, 6)
        assert {4, 5} <= set(plan_lengths(backend))


def test_plans_from_python(monkeypatch):
    monkeypatch.setattr("jnrf_ext._loader.cuda_error", "not here")
    assert ops.fourier_plans() == []
    ops.clear_fourier_plans()
    for setting in (ops.fourier_plan_limit, ops.fourier_product_limit):
        with pytest.raises(RuntimeError, match="no CUDA kernels: not here"):
            setting()
        with pytest.raises(ValueError, match=r"must be from 0 to \d+, but is -2"):
            setting(-2)
    with pytest.raises(ValueError, match="tokens must be from 0 to 8192, but is 8193"):
        ops.fourier_product_limit(8193)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_product_limit_says_what_it_was(backend):
    limit = backend.op("fourier_product_limit")
    with product_limit(backend, 100):
        assert limit(-1) == 100
        assert limit(7) == 100
        with pytest.raises(RuntimeError, match="at most 8192 tokens, not 8193"):
            limit(8193)
        assert limit(-1) == 7


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cu_seqlens": packed(7)}, r"cu_seqlens must end at the number of tokens, 8"),
        ({"cu_seqlens": packed(9, -1)}, "cu_seqlens must not decrease"),
        ({"cu_seqlens": packed(8).long()}, "cu_seqlens must be int32"),
        ({"x": torch.zeros(8)}, r"x must be \[tokens, hidden\]"),
        ({"x": torch.zeros(8, 4).half()}, "x must be float32, float64 or bfloat16 on CUDA"),
        ({"weight": torch.zeros(3)}, r"weight must be \[4\]"),
        ({"bias": torch.zeros(4).double()}, "bias must have the dtype of x"),
        ({"window": -1}, "window must be from 0"),
        ({"shift": -1}, "shift must not be negative"),
        (
            {"x": torch.zeros(1, 10**5), "weight": torch.zeros(10**5), "bias": torch.zeros(10**5)},
            "at most [0-9]+ features fit in shared memory, not 100000",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_refused(backend, change, message):
    right = {
        "x": torch.zeros(8, 4),
        "weight": torch.zeros(4),
        "bias": torch.zeros(4),
        "cu_seqlens": packed(8),
    }
    given = {
        key: value if key == "cu_seqlens" else backend.move([value])[0]
        for key, value in (right | change).items()
    }
    if "x" in change and change["x"].dtype == torch.half:
        given |= {key: given[key].half() for key in ("weight", "bias")}
    with pytest.raises(RuntimeError, match=f"jnrf::fourier_mix_norm: {message}"):
        backend.op("fourier_mix_norm")(**given)


def on_gpu(tokens: int, hidden: int, dtype: torch.dtype) -> list[torch.Tensor]:
    return [t.to("cuda", dtype).requires_grad_() for t in norm_inputs(tokens, hidden)]


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("lengths", "hidden"),
    [
        ([4096], 768),
        ([4093], 768),
        ([16] * 50 + [9], 256),
        ([50 + 7 * i for i in range(64)], 768),
        ([15000], 64),
        ([60000, 3, 511, 512, 513], 256),
    ],
)
def test_large_batches_in_float32(lengths, hidden):
    inputs, cu_seqlens = norm_inputs(sum(lengths), hidden), packed(*lengths)
    wanted = results(Cpu, inputs, cu_seqlens)
    backend = Gpu()
    got = backend.every_order(lambda: results(backend, inputs, cu_seqlens, dtype=torch.float32))
    assert max(distances(got, wanted)) < 8 * EPS[torch.float32]


@pytest.mark.cuda
def test_bounds_may_be_on_the_device():
    x = on_gpu(12, 6, torch.float32)[0]
    assert torch.equal(ops.fourier_mix(x, packed(5, 7)), ops.fourier_mix(x, packed(5, 7).cuda()))


@pytest.mark.cuda
def test_wrong_arguments_name_the_operator():
    x, weight, bias = on_gpu(8, 4, torch.float32)
    with pytest.raises(RuntimeError, match=r"jnrf::fourier_mix: cu_seqlens must end at .* 8"):
        ops.fourier_mix(x, packed(7))
    with pytest.raises(ValueError, match="x must be float32 or float64 or bfloat16 on cuda"):
        ops.fourier_mix(x.half(), packed(8))
    with pytest.raises(ValueError, match="x is on cuda:0 but weight on cpu"):
        ops.fourier_mix_norm(x, weight.cpu(), bias, packed(8))


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_operators_pass_opcheck(dtype):
    x, weight, bias = on_gpu(12, 6, dtype)
    settings = (0.5, True, 4, 1)
    torch.library.opcheck(torch.ops.jnrf.fourier_mix, (x, packed(5, 7), *settings))
    norm = torch.ops.jnrf.fourier_mix_norm
    torch.library.opcheck(norm, (x, weight, bias, packed(5, 7), 1e-5, *settings))
    with torch.no_grad():
        y, *saved = norm(x, weight, bias, packed(5, 7))
        torch.library.opcheck(
            torch.ops.jnrf.fourier_mix_norm_backward, (y, *saved, weight, packed(5, 7), *settings)
        )


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_compiles_as_one_graph_forward_and_backward(dtype):
    inputs, cu_seqlens = on_gpu(12, 16, dtype), packed(5, 7)

    def layer(x, weight, bias, cu_seqlens):
        return ops.fourier_mix(ops.fourier_mix_norm(x, weight, bias, cu_seqlens) * 2, cu_seqlens)

    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    got, wanted = (
        torch.autograd.grad(function(*inputs, cu_seqlens).square().sum(), inputs)
        for function in (compiled, layer)
    )
    torch.testing.assert_close(got, wanted)


@pytest.mark.cuda
def test_captured_in_a_graph():
    x, weight, bias = (t.detach() for t in on_gpu(700, 96, torch.float32))
    bounds = packed(600, 61, 0, 39)
    wanted = ops.fourier_mix_norm(x, weight, bias, bounds)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = ops.fourier_mix_norm(x, weight, bias, bounds)
    for factor in (1, 3):
        x.mul_(factor)
        graph.replay()
        if factor == 1:
            assert torch.equal(y, wanted)
    assert torch.equal(y, ops.fourier_mix_norm(x, weight, bias, bounds))
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        x.add_(1)  # a graph of nothing would be warned about
        with pytest.raises(RuntimeError, match="no cuFFT plan yet"):
            ops.fourier_mix(x, packed(699, 1))


@pytest.mark.cuda
def test_on_another_stream_and_device():
    x = on_gpu(70, 32, torch.float32)[0].detach()
    wanted = ops.fourier_mix(x, packed(70))
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        assert torch.equal(ops.fourier_mix(x, packed(70)), wanted)
    torch.cuda.synchronize()
    if torch.cuda.device_count() > 1:
        assert torch.equal(ops.fourier_mix(x.to("cuda:1"), packed(70)).cpu(), wanted.cpu())
