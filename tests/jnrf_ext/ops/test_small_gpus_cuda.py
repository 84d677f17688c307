"""The CUDA operators where a block may have less shared memory than an H100's.

Consumer GPUs and their like (compute capability 8.6, 8.9, 12.0) have 99 KiB for a block, an A100
163. Nothing is run here: the launchers, compiled for the host, are asked what they would launch.
"""

from __future__ import annotations

import pytest
import torch
from crf_inputs import crf
from cuda_backends import load_host_operators
from relation_inputs import gold_pairs, operands, relative_distance

from jnrf_ext import reference
from jnrf_ext.ops.crf import MOST_TAGS, shared_memory_needed

KIB = 1024
LIMITS = [99 * KIB, 163 * KIB]
# What a kernel has besides the dynamic memory that its launcher asks for (`make kernels`).
STATIC = 512
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


@pytest.fixture
def on_host():
    """The operators over the stand-in, and a way to ask for the launches under a limit."""
    load_host_operators()
    ops = torch.ops.jnrf_on_host

    def most(limit: int, work) -> int:
        ops.set_shared_memory(limit)
        ops.record_launches(84)
        try:
            work(ops)
        finally:
            found = ops.recorded_launches()
            ops.set_shared_memory(227 * KIB)
        assert len(found)
        return int(found[:, 5].max())

    return most


def wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype == torch.bfloat16 else dtype


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 6, 7, 9, 13, 14, 15, 40])
def test_relations_of_any_number_of_classes_fit(on_host, limit, dtype, classes):
    given = operands([70, 3], [130, 40], classes, 72, torch.float32)
    u, w, *rest = given
    weights = [t.to(wide(dtype)) for t in rest[-3:]]
    typed = (u.to(dtype), w.to(dtype), *rest[:-3], *weights)
    pairs = gold_pairs(given, 10)

    def work(ops):
        ops.relation_loss(*typed, pairs, 0, None, True, 0)

    assert on_host(limit, work) <= limit - STATIC


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", [1, 256, 768, 1000, 1024, 4096, 6000])
@pytest.mark.parametrize("window", [0, 8, 16, 100])
def test_mixing_of_any_width_fits(on_host, limit, dtype, hidden, window):
    x, bounds = torch.empty(600, hidden, dtype=dtype), torch.tensor([0, 40, 600]).int()
    weight, bias = torch.empty(2, hidden, dtype=dtype)

    def work(ops):
        y, *kept = ops.fourier_mix_norm(x, weight, bias, bounds, window=window)
        ops.fourier_mix_norm_backward(y, *kept, weight, bounds, window=window)

    assert on_host(limit, work) <= limit - STATIC


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tags", [1, 2, 19, 32, 33, 64, 65, 96, 99, MOST_TAGS])
def test_crfs_take_no_more_than_is_said_of_them(on_host, dtype, tags):
    emissions, gold, *weights, bounds = crf([600, 40, 0], tags, dtype=torch.float32)
    typed = [emissions.detach().to(dtype), *(t.detach().to(wide(dtype)) for t in weights), bounds]

    def work(ops):
        ops.crf_nll(typed[0], gold, *typed[1:], True)
        ops.crf_marginals(*typed)
        ops.crf_decode(*typed)

    taken = on_host(227 * KIB, work) + STATIC
    assert taken <= (shared_memory_needed(tags) if tags > 64 else min(LIMITS))


def test_how_many_tags_fit():
    fit = [max(c for c in range(1, MOST_TAGS + 1) if shared_memory_needed(c) <= m) for m in LIMITS]
    assert fit == [99, MOST_TAGS]


@pytest.mark.parametrize("classes", [5, 9])
def test_relations_are_right_in_less_memory(classes):
    """Tiles are smaller then, or scores lie elsewhere."""
    load_host_operators()
    ops = torch.ops.jnrf_on_host
    given = operands([70, 3], [130, 40], classes, 16, torch.float32)
    ops.set_shared_memory(min(LIMITS))
    try:
        scores = ops.relation_scores(*given)
    finally:
        ops.set_shared_memory(227 * KIB)
    assert relative_distance(scores, reference.relation_scores(*given.to(torch.float64))) < 1e-6
