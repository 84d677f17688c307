"""The CRF operators on CUDA, or its stand-in, against the CPU operators in float64."""

from __future__ import annotations

import pytest
import torch
from crf_inputs import ROUNDING, close, crf, on_cpu, packed, rounded, without_gold
from cuda_backends import BACKENDS

from jnrf_ext import ops

LENGTHS = [1, 7, 0, 33, 2, 140, 1, 0]


def compare_all(backend, given, dtype: torch.dtype, rounding: float) -> None:
    """Loss, its raw gradients, marginals and decoding, against the CPU operators."""
    typed, exact = rounded(given, dtype)
    here = backend.move(list(typed))
    got = backend.every_order(lambda: on_cpu(backend.op("crf_nll")(*here, True)))
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    assert torch.equal(got[3], exact[-1])
    for value, right in zip(got[:3], torch.ops.jnrf.crf_nll(*exact, True)[:3], strict=True):
        close(value, right, rounding, wide)
    alone = backend.every_order(lambda: on_cpu(backend.op("crf_nll")(*here, False)))
    assert torch.equal(alone[0], got[0])
    assert [t.numel() for t in alone[1:]] == [0, 0, 0]

    rest = [here[0], *here[2:]]
    marginals = backend.every_order(lambda: backend.op("crf_marginals")(*rest).cpu())
    of_type = 2**-8 if dtype == torch.bfloat16 else rounding
    close(marginals, ops.crf_marginals(*without_gold(exact)), of_type, dtype)

    tags, scores = backend.every_order(lambda: on_cpu(backend.op("crf_decode")(*rest)))
    best, best_scores = ops.crf_decode(*without_gold(exact))
    assert torch.equal(tags, best)
    close(scores, best_scores, rounding, wide)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("tags", [1, 2, 9, 32, 33])
def test_packed_sequences(backend, tags, dtype):
    compare_all(backend, crf(LENGTHS, tags), dtype, ROUNDING[dtype])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tags", [64, 65, 128])
def test_many_tags(backend, tags):
    compare_all(backend, crf([5, 0, 19], tags), torch.float32, ROUNDING[torch.float32])


@pytest.mark.parametrize("backend", BACKENDS)
def test_hundreds_of_sequences(backend):
    compare_all(backend, crf([3, 1, 0] * 120, 5), torch.float32, ROUNDING[torch.float32])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [20.0, 60.0, 300.0, 5000.0])
def test_scores_far_apart_are_done_in_logarithms(backend, scale):
    # exp(a) of a logarithm of this size is no better than that.
    compare_all(backend, crf([1, 40, 0, 25], 5, scale), torch.float64, 1e-12 * scale)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pointers_of_more_steps_than_are_walked_at_once(backend):
    compare_all(backend, crf([128, 129, 130, 257, 400], 3), torch.float64, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("forbidden", [float("-inf"), -10_000.0])
def test_forbidden_transitions(backend, forbidden):
    emissions, _, transitions, start, end, bounds = crf([50, 3], 4)
    with torch.no_grad():
        transitions[1, 2] = transitions[3, 3] = start[2] = forbidden
    given = (emissions, torch.arange(53) % 2, transitions, start, end, bounds)
    compare_all(backend, given, torch.float64, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_almost_impossible_becomes_likely_again(backend):
    emissions = torch.tensor([[0.0, -900.0], [-900.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    transitions = torch.tensor([[0.0, float("-inf")], [0.0, 0.0]], dtype=torch.float64)
    end = torch.tensor([float("-inf"), 0.0], dtype=torch.float64)
    given = (emissions, torch.ones(3).long(), transitions, torch.zeros(2).double(), end, packed(3))
    compare_all(backend, given, torch.float64, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tags", [2, 35])
def test_steps_whose_every_way_on_is_unlikely(backend, tags):
    """Near enough for probabilities, but a row may fall to 1e-43 of the one before."""
    emissions, gold, transitions, start, end, bounds = (t.detach() for t in crf([90, 1, 40], tags))
    emissions[::2, 0] += 100
    emissions[1::2, 1:] += 100
    transitions += 100 * torch.eye(tags)
    given = (emissions, gold, transitions, start, end, bounds)
    compare_all(backend, given, torch.float64, 1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_not_a_number_stays_in_its_sequence(backend):
    given = [t.detach() for t in crf([5, 4], 3)]
    given[0][6, 1] = float("nan")
    loss, gradient, *_ = on_cpu(backend.op("crf_nll")(*backend.move(given), True))
    assert loss.isnan().tolist() == [False, True]
    assert not gradient[:5].isnan().any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tag", [-1, 3, 2**40])
def test_tags_that_are_none_make_a_loss_that_is_no_number(backend, tag):
    given = [t.detach() for t in crf([5, 4], 3)]
    given[1][6] = tag
    loss, *_ = on_cpu(backend.op("crf_nll")(*backend.move(given), True))
    assert loss.isnan().tolist() == [False, True]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_possible_is_not_a_number(backend):
    given = [t.detach() for t in crf([3, 2], 2)]
    given[4].fill_(float("-inf"))
    here = backend.move(given)
    assert backend.op("crf_nll")(*here, False)[0].isnan().all()
    assert backend.op("crf_decode")(here[0], *here[2:])[1].tolist() == [float("-inf")] * 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_steps(backend, lengths):
    given = backend.move([t.detach() for t in crf(lengths, 4)])
    loss, of_emissions, of_transitions, _ = on_cpu(backend.op("crf_nll")(*given, True))
    assert loss.tolist() == [0.0] * len(lengths)
    assert of_emissions.shape == (0, 4)
    assert of_transitions.tolist() == torch.zeros(len(lengths), 4, 4).tolist()
    tags, scores = on_cpu(backend.op("crf_decode")(given[0], *given[2:]))
    assert tags.shape == (0,)
    assert scores.tolist() == [0.0] * len(lengths)


@pytest.mark.parametrize("backend", BACKENDS)
def test_equally_good_tags_are_the_lowest(backend):
    zeros = torch.zeros(40, 40)
    given = backend.move([zeros[:5], zeros, zeros[0], zeros[0], packed(5)])
    assert backend.op("crf_decode")(*given)[0].tolist() == [0] * 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_bounds_on_the_host_are_checked(backend):
    emissions, gold, *weights, _ = (t.detach() for t in crf([5], 3))
    here = backend.move([emissions, gold, *weights])
    with pytest.raises(RuntimeError, match="must end at the number of tokens, 5, but ends at 4"):
        backend.op("crf_nll")(*here, packed(4), True)


@pytest.mark.cuda
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_public_functions_differentiate_on_the_gpu(backend):
    given = crf([30, 0, 12], 9, dtype=torch.float32)
    emissions, gold, *weights, bounds = given
    here = [t.detach().cuda().requires_grad_() for t in (emissions, *weights)]
    loss = ops.crf_nll(here[0], gold.cuda(), *here[1:], bounds)
    wanted = ops.crf_nll(*given)
    torch.testing.assert_close(loss.cpu(), wanted, rtol=1e-6, atol=1e-5)
    got = torch.autograd.grad(loss.mean(), here)
    right = torch.autograd.grad(wanted.mean(), (emissions, *weights))
    for mine, theirs in zip(got, right, strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=1e-5, atol=1e-6)
