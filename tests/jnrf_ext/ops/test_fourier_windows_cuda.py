"""Fourier mixing of short windows on CUDA, or its stand-in: one kernel for all of it."""

from __future__ import annotations

import pytest
import torch
from cuda_backends import BACKENDS
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

from jnrf_ext import ops, reference

#: With every remainder of most windows, windows alone, and documents shorter than a window.
LENGTHS = [1, 2, 3, 0, 8, 5, 31, 16, 13, 7]
WINDOWS = [
    *((2, 0), (2, 1), (3, 2), (4, 0), (4, 3), (5, 1), (6, 0), (7, 4)),
    *((8, 0), (8, 3), (9, 0), (11, 6), (12, 1), (15, 0), (16, 0), (16, 21)),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hidden", [256, 96, 30, 33])
@pytest.mark.parametrize(("window", "shift"), WINDOWS)
def test_equals_the_cpu_operators(backend, window, shift, hidden):
    inputs, cu_seqlens = norm_inputs(sum(LENGTHS), hidden), packed(*LENGTHS)
    settings = (0.7, True, window, shift)
    got = backend.every_order(
        lambda: results(backend, inputs, cu_seqlens, *settings, dtype=torch.float32)
    )
    wanted = results(Cpu, inputs, cu_seqlens, *settings)
    assert max(distances(got, wanted)) < 8 * EPS[torch.float32]
    x = inputs[0].float()
    mixed = backend.op("fourier_mix")(backend.move(x), cu_seqlens, *settings)
    assert (
        distances([mixed], [ops.fourier_mix(inputs[0], cu_seqlens, *settings)])[0]
        < 4 * EPS[torch.float32]
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hidden", [1, 2, 5, 77, 128, 384, 512, 768, 1024])
@pytest.mark.parametrize("window", [2, 8, 16])
def test_all_numbers_of_features(backend, window, hidden):
    lengths = [window, 3, 2 * window + 1]
    x = normal(sum(lengths), hidden)
    mix = lambda: backend.op("fourier_mix")(  # noqa: E731
        backend.move(x.float()), packed(*lengths), 0.7, False, window, 0
    )
    wanted = ops.fourier_mix(x, packed(*lengths), 0.7, False, window, 0)
    assert distances([backend.every_order(mix)], [wanted])[0] < 4 * EPS[torch.float32]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hidden", [6, 33, 32, 768])
@pytest.mark.parametrize(("window", "shift"), [(2, 1), (4, 0), (8, 3), (16, 5)])
def test_bfloat16_is_at_most_twice_as_far_off_as_plain_torch(backend, window, shift, hidden):
    lengths = [17, 8, 0, 3]
    inputs, cu_seqlens = norm_inputs(sum(lengths), hidden), packed(*lengths)
    settings = (1.0, False, window, shift)
    wanted = results(Cpu, inputs, cu_seqlens, *settings)
    got = backend.every_order(
        lambda: results(backend, inputs, cu_seqlens, *settings, dtype=torch.bfloat16)
    )
    assert [t.dtype for t in got] == [torch.bfloat16] * 4 + [torch.float32] * 3
    plain = [t.bfloat16().requires_grad_() for t in inputs]
    y = reference.fourier_mix_norm(*plain, cu_seqlens, window=window, shift=shift)
    theirs = [y.detach(), *torch.autograd.grad(y, plain, normal(*y.shape).bfloat16())]
    for mine, their in zip(
        distances(got[:4], wanted[:4]), distances(theirs, wanted[:4]), strict=True
    ):
        # Both may be as near as the type allows.
        assert mine <= max(2 * their, torch.finfo(torch.bfloat16).eps / 2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("window", range(1, SHORT + 2))
def test_as_near_as_all_of_the_bits_allow(backend, window):
    """Also beside the product, which mixes windows that are longer."""
    x = (normal(3 * window + 1, 48) * (1 + normal(48, seed=5) / 1000)).float()
    bounds = packed(len(x))
    got = backend.op("fourier_mix")(backend.move(x), bounds, 1.0, False, window, 0)
    wanted = ops.fourier_mix(x.double(), bounds, 1.0, False, window, 0)
    assert distances([got], [wanted])[0] < 4 * EPS[x.dtype]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("window", [4, 11])
def test_what_is_no_number_stays_in_its_window(backend, window):
    x = normal(6 * window, 24).float()
    x[2 * window : 3 * window] = float("nan")
    bounds = packed(3 * window, 3 * window)
    got, there = (
        backend.op("fourier_mix")(backend.move(t), bounds, 1.0, False, window, 0).cpu()
        for t in (x, x.nan_to_num())
    )
    where = got.isnan()
    assert where[2 * window : 3 * window].all()
    assert where.sum() == window * 24
    assert torch.equal(got[~where], there[~where])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("hidden", [8, 9])
def test_inputs_need_not_be_aligned_or_contiguous(backend, hidden, dtype):
    norm = backend.op("fourier_mix_norm")
    settings = (packed(3, 17), 1e-5, 1.0, False, 4, 1)
    wide = backend.move(normal(40, 2 * hidden).to(dtype))
    flat, weight = wide.flatten(), wide[0]
    for x in (wide[::2, 1::2], flat[3 : 3 + 20 * hidden].view(20, hidden)):
        for features in (weight[:hidden], weight[1 : 1 + hidden], weight[::2]):
            got = norm(x, features, features, *settings)
            aligned = norm(x.clone(), features.clone(), features.clone(), *settings)
            # Four numbers at a time are added in another order than one.
            for a, b in zip(got, aligned, strict=True):
                torch.testing.assert_close(a, b)


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_saving(backend):
    x, weight, bias = backend.move([t.float() for t in norm_inputs(12, 6)])
    norm = backend.op("fourier_mix_norm")
    kept, saved = (
        norm(x, weight, bias, packed(5, 7), window=4, shift=1, save=save) for save in (False, True)
    )
    assert [t.numel() for t in kept[1:]] == [0, 0, 0]
    assert torch.equal(kept[0], saved[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_thousands_of_windows(backend):
    """More documents than one launch brings to the device, more blocks than a GPU has at once."""
    lengths = [1 + i % 23 for i in range(2000)]
    x = normal(sum(lengths), 4)
    got = backend.op("fourier_mix")(backend.move(x.float()), packed(*lengths), 1.0, True, 8, 3)
    wanted = ops.fourier_mix(x, packed(*lengths), 1.0, True, 8, 3)
    assert distances([got], [wanted])[0] < 4 * EPS[torch.float32]


@pytest.mark.parametrize("backend", BACKENDS)
def test_below_the_product_limit_only(backend):
    """A limit of 0 leaves windows to cuFFT too, which is how tests compare the ways."""
    x = backend.move(normal(40, 48).float())
    with product_limit(backend, 0):
        by_fft = backend.op("fourier_mix")(x, packed(40), 1.0, False, 8, 0)
    here = backend.op("fourier_mix")(x, packed(40), 1.0, False, 8, 0)
    assert not torch.equal(by_fft, here)
    torch.testing.assert_close(by_fft, here, rtol=1e-5, atol=1e-4)
