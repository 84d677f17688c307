"""Decoding long sequences on CUDA, or its stand-in, by chunks, against the CPU in float64."""

from __future__ import annotations

import pytest
import torch
from crf_inputs import ROUNDING, close, crf, on_cpu, packed, rounded, without_gold
from cuda_backends import BACKENDS

from jnrf_ext import ops

CHUNKED = [torch.float32, torch.bfloat16]
#: So many tags, rounded up to a multiple of 4, have kernels of their own; 33 to 64 share one.
TAGS = [1, 2, 5, 9, 16, 17, 19, 24, 25, 32, 33, 64]


def decode(backend, given, dtype: torch.dtype) -> None:
    """Tags and scores as the CPU has them."""
    typed, exact = rounded(given, dtype)
    here = backend.move(without_gold(typed))
    with backend.whole():
        tags, scores = backend.every_order(lambda: on_cpu(backend.op("crf_decode")(*here)))
    best, best_scores = ops.crf_decode(*without_gold(exact))
    assert torch.equal(tags, best)
    close(scores, best_scores, ROUNDING[dtype])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
@pytest.mark.parametrize("length", [192, 193, 223, 224, 225, 257, 700])
def test_lengths_around_the_borders_of_chunks(backend, length, dtype):
    decode(backend, crf([length], 5), dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
@pytest.mark.parametrize("tags", TAGS)
def test_any_number_of_tags(backend, tags, dtype):
    decode(backend, crf([230], tags), dtype)


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_chunks_than_are_walked_back_through_at_once(backend):
    decode(backend, crf([128 * 32 + 33], 2), torch.float32)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
def test_long_sequences_beside_short_and_empty_ones(backend, dtype):
    decode(backend, crf([0, 300, 1, 0, 65, 224, 31, 32, 33, 64, 0], 6), dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
@pytest.mark.parametrize("tags", [4, 21, 40])
@pytest.mark.parametrize("scale", [0, 1])
def test_of_equally_good_tags_the_lowest_are_chosen(backend, scale, tags, dtype):
    # Small whole numbers, or none at all: many paths are equally good.
    given = [t.detach() for t in crf([250, 210], tags)]
    decode(backend, [(scale * t).round() if t.is_floating_point() else t for t in given], dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
@pytest.mark.parametrize("forbidden", [float("-inf"), -10_000.0])
def test_forbidden_transitions(backend, forbidden, dtype):
    emissions, gold, transitions, start, end, bounds = (t.detach() for t in crf([290, 201], 4))
    # Tag 3 neither comes from another nor leads to one: a chunk's matrix is mostly forbidden.
    transitions[1, 2] = transitions[3, :3] = transitions[:3, 3] = forbidden
    start[2] = start[0] = end[3] = forbidden
    decode(backend, (emissions, gold, transitions, start, end, bounds), dtype)


@pytest.mark.parametrize("backend", BACKENDS)
def test_masks_of_what_is_allowed(backend):
    # Tags that must come in turn, so that a step's number says which it is.
    turns = torch.full((3, 3), float("-inf")).diagonal_scatter(torch.zeros(2), 1)
    turns[2, 0] = 0
    ends = torch.tensor([0, float("-inf"), float("-inf")])
    here = backend.move([torch.randn(259, 3), turns, ends, torch.zeros(3), packed(259)])
    tags, _ = backend.every_order(lambda: on_cpu(backend.op("crf_decode")(*here)))
    assert torch.equal(tags, torch.arange(259) % 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_possible(backend):
    given = [t.detach() for t in crf([200, 240], 2, dtype=torch.float32)]
    given[4].fill_(float("-inf"))
    here = backend.move(without_gold(given))
    tags, scores = backend.every_order(lambda: on_cpu(backend.op("crf_decode")(*here)))
    assert scores.tolist() == [float("-inf")] * 2
    assert ((tags >= 0) & (tags < 2)).all()


@pytest.mark.parametrize(
    ("lengths", "tags", "dtype", "by_chunks"),
    [
        ([192], 5, torch.float32, False),
        ([193], 5, torch.float32, True),
        ([193], 5, torch.bfloat16, True),
        ([193], 64, torch.float32, True),
        ([4096], 65, torch.float32, False),
        ([4096], 5, torch.float64, False),
        ([40] * 100, 5, torch.float32, False),
        ([400] * 40, 19, torch.float32, True),
        ([400] * 80, 19, torch.float32, False),  # enough for the device
    ],
)
def test_what_goes_by_chunks(lengths, tags, dtype, by_chunks):
    host = BACKENDS[0].values[0]
    typed, _ = rounded(crf(lengths, tags), dtype)
    decoding = host.op("crf_decode")
    torch.ops.jnrf_on_host.record_launches(132)
    decoding(*without_gold(typed))
    rows = torch.ops.jnrf_on_host.recorded_launches()
    assert len(rows) == 1 + (4 if by_chunks else 1)  # one brings the bounds


@pytest.mark.cuda
@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("dtype", CHUNKED, ids=str)
@pytest.mark.parametrize("tags", [19, 25, 31, 37, 64])
@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_long_sequences_on_the_gpu(backend, tags, where, dtype):
    typed, exact = rounded(crf([4096, 0, 700, 5], tags), dtype)
    *here, _ = backend.move(without_gold(typed))
    got = on_cpu(backend.op("crf_decode")(*here, typed[-1].to(where)))
    best, scores = ops.crf_decode(*without_gold(exact))
    assert torch.equal(got[0], best)
    close(got[1], scores, ROUNDING[dtype])
