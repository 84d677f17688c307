"""The CRF operators on the CPU: against enumeration, their definition and pytorch-crf."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
import torch
from crf_inputs import crf, packed, without_gold
from torchcrf import CRF

from jnrf_ext import ops, reference

EPS32 = torch.finfo(torch.float32).eps


def with_gradients(function, given):
    emissions, gold, *weights, cu_seqlens = given
    losses = function(emissions, gold, *weights, cu_seqlens)
    factors = torch.linspace(0.5, 2.0, len(losses), dtype=losses.dtype)
    gradients = torch.autograd.grad(losses, (emissions, *weights), factors)
    return [losses.detach(), *gradients]


def enumerate_paths(given):
    """Every tag sequence of one short sequence, and its score."""
    emissions, transitions, start, end, _ = without_gold(given)
    length, count = emissions.shape
    paths = torch.tensor(list(itertools.product(range(count), repeat=length)))
    scores = start[paths[:, 0]] + end[paths[:, -1]]
    for t in range(length):
        scores = scores + emissions[t, paths[:, t]]
        if t:
            scores = scores + transitions[paths[:, t - 1], paths[:, t]]
    return paths, scores


@pytest.mark.parametrize(("length", "tags"), [(1, 1), (1, 4), (2, 3), (5, 3), (4, 6)])
def test_all_tag_sequences_of_a_short_one(length, tags):
    given = crf([length], tags)
    paths, scores = enumerate_paths(given)
    gold = (paths == given[1]).all(dim=1)
    expected = scores.logsumexp(0) - scores[gold]
    torch.testing.assert_close(ops.crf_nll(*given), expected)

    probabilities = scores.softmax(0)
    marginals = torch.stack(
        [torch.stack([probabilities[paths[:, t] == j].sum() for j in range(tags)])
         for t in range(length)]
    )  # fmt: skip
    torch.testing.assert_close(ops.crf_marginals(*without_gold(given)), marginals)

    best, score = ops.crf_decode(*without_gold(given))
    assert best.tolist() == paths[scores.argmax()].tolist()
    torch.testing.assert_close(score, scores.max()[None])


LENGTHS = [1, 7, 0, 33, 2, 600, 1, 0]


@pytest.mark.parametrize("tags", [1, 2, 7, 8, 9, 19, 128])
def test_packed_sequences_follow_the_definition(tags):
    given = crf(LENGTHS, tags)
    got, wanted = (with_gradients(f, given) for f in (ops.crf_nll, reference.crf_nll))
    for value, right in zip(got, wanted, strict=True):
        torch.testing.assert_close(value, right, rtol=1e-10, atol=1e-10)
    rest = without_gold(given)
    torch.testing.assert_close(ops.crf_marginals(*rest), reference.crf_marginals(*rest))
    best, scores = ops.crf_decode(*rest)
    reference_best, reference_scores = reference.crf_decode(*rest)
    assert best.tolist() == reference_best.tolist()
    torch.testing.assert_close(scores, reference_scores)


@pytest.mark.parametrize("scale", [20.0, 60.0, 300.0, 5000.0])
def test_scores_far_apart_are_done_in_logarithms(scale):
    """Neighbouring factors differ by more than float64 can hold."""
    given = crf([1, 40, 0, 25], 5, scale)
    got, wanted = (with_gradients(f, given) for f in (ops.crf_nll, reference.crf_nll))
    # exp(a) of a logarithm of this size is no better than that.
    tolerance = 66 * scale * torch.finfo(torch.float64).eps * 66
    for value, right in zip(got, wanted, strict=True):
        torch.testing.assert_close(value, right, rtol=tolerance, atol=tolerance)
    rest = without_gold(given)
    torch.testing.assert_close(ops.crf_marginals(*rest), reference.crf_marginals(*rest))


def test_what_is_almost_impossible_becomes_likely_again():
    """A tag whose probability is e^-900 at one step is the only way on from there."""
    emissions = torch.tensor([[0.0, -900.0], [-900.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    transitions = torch.tensor([[0.0, float("-inf")], [0.0, 0.0]], dtype=torch.float64)
    weights = (transitions, torch.zeros(2).double(), torch.tensor([float("-inf"), 0.0]).double())
    gold = torch.tensor([1, 1, 1])
    loss = ops.crf_nll(emissions, gold, *weights, packed(3))
    torch.testing.assert_close(loss, torch.zeros(1, dtype=torch.float64))
    marginals = ops.crf_marginals(emissions, *weights, packed(3))
    torch.testing.assert_close(marginals, torch.tensor([[0.0, 1.0]] * 3, dtype=torch.float64))


def test_forbidden_transitions():
    """-infinity and -10,000 alike: no probability, no gradient."""
    for forbidden in (float("-inf"), -10_000.0):
        emissions, gold, transitions, start, end, cu_seqlens = crf([50], 4)
        with torch.no_grad():
            transitions[1, 2] = transitions[3, 3] = start[2] = forbidden
        gold = torch.arange(50) % 2
        given = (emissions, gold, transitions, start, end, cu_seqlens)
        got, wanted = (with_gradients(f, given) for f in (ops.crf_nll, reference.crf_nll))
        for value, right in zip(got, wanted, strict=True):
            torch.testing.assert_close(value, right.nan_to_num(), rtol=1e-10, atol=1e-10)
        assert got[2][1, 2] == 0


def test_nothing_possible_is_not_a_number():
    emissions, gold, transitions, start, end, cu_seqlens = crf([3, 2], 2)
    with torch.no_grad():
        end.fill_(float("-inf"))
    assert ops.crf_nll(emissions, gold, transitions, start, end, cu_seqlens).isnan().all()
    _, scores = ops.crf_decode(
        *(t.detach() for t in (emissions, transitions, start, end)), cu_seqlens
    )
    assert scores.tolist() == [float("-inf")] * 2


def test_not_a_number_stays_in_its_sequence():
    given = crf([5, 4], 3)
    with torch.no_grad():
        given[0][6, 1] = float("nan")
    loss, gradient, *_ = with_gradients(ops.crf_nll, given)
    assert loss.isnan().tolist() == [False, True]
    assert not gradient[:5].isnan().any()
    assert gradient[5:].isnan().any()


@pytest.mark.parametrize("tags", [9, 19])
def test_float32_loses_nothing_in_15000_steps(tags):
    given = crf([15_000], tags)
    narrow = [t.detach().float() if t.is_floating_point() else t for t in given]
    exact = [t.double() if t.is_floating_point() else t for t in narrow]  # the same numbers
    loss, gradient, *_ = with_gradients(
        ops.crf_nll, [t.requires_grad_() if t.is_floating_point() else t for t in narrow]
    )
    wanted = reference.crf_nll(*exact)
    assert abs(loss.double() - wanted).item() <= EPS32 * wanted.item()
    marginals = ops.crf_marginals(exact[0], *exact[2:])
    probabilities = gradient.double() / 0.5
    probabilities[torch.arange(15_000), given[1]] += 1
    assert (probabilities - marginals).abs().max() < 2 * EPS32


def test_pytorch_crf_agrees():
    lengths, tags = [5, 17, 1], 9
    emissions, gold, transitions, start, end, cu_seqlens = crf(lengths, tags)
    peer = CRF(tags, batch_first=True).double()
    with torch.no_grad():
        peer.transitions.copy_(transitions)
        peer.start_transitions.copy_(start)
        peer.end_transitions.copy_(end)
    pad = lambda x: torch.nn.utils.rnn.pad_sequence(x.split(lengths), batch_first=True)  # noqa: E731
    mask = pad(torch.ones(sum(lengths), dtype=torch.bool))
    loss = -peer(pad(emissions), pad(gold), mask, reduction="none")
    ours = ops.crf_nll(emissions, gold, transitions, start, end, cu_seqlens)
    torch.testing.assert_close(ours, loss)
    gradient = torch.autograd.grad(loss.sum(), (emissions, *peer.parameters()))
    weights = (emissions, start, end, transitions)
    for mine, theirs in zip(torch.autograd.grad(ours.sum(), weights), gradient, strict=True):
        torch.testing.assert_close(mine, theirs)
    best, _ = ops.crf_decode(*without_gold((emissions, gold, transitions, start, end, cu_seqlens)))
    assert best.tolist() == list(itertools.chain(*peer.decode(pad(emissions), mask)))


def test_gradients():
    emissions, gold, transitions, start, end, cu_seqlens = crf([3, 0, 1, 5], 3)
    assert torch.autograd.gradcheck(
        lambda *floats: ops.crf_nll(floats[0], gold, *floats[1:], cu_seqlens),
        (emissions, transitions, start, end),
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_bits_again_whatever_the_number_of_threads(threads):
    given, before = crf([2000, 3, 700], 11, dtype=torch.float32), torch.get_num_threads()
    first = with_gradients(ops.crf_nll, given)
    try:
        torch.set_num_threads(threads)
        again = with_gradients(ops.crf_nll, given)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_packed_equals_one_by_one():
    lengths = [4, 0, 19, 1]
    given = crf(lengths, 6)
    emissions, gold, *weights, _ = given
    together = ops.crf_nll(*given)
    parts = zip(emissions.split(lengths), gold.split(lengths), strict=True)
    alone = [ops.crf_nll(e, y, *weights, packed(len(y))) for e, y in parts]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_steps(lengths):
    given = crf(lengths, 4)
    loss, *gradients = with_gradients(ops.crf_nll, given)
    assert loss.tolist() == [0.0] * len(lengths)
    assert not any(g.any() for g in gradients)
    best, scores = ops.crf_decode(*without_gold(given))
    assert best.shape == (0,)
    assert scores.tolist() == [0.0] * len(lengths)
    assert ops.crf_marginals(*without_gold(given)).shape == (0, 4)


def test_equally_good_tags_are_the_lowest():
    zeros = torch.zeros(3, 3)
    best, _ = ops.crf_decode(torch.zeros(5, 3), zeros, zeros[0], zeros[0], packed(5))
    assert best.tolist() == [0] * 5


def test_decoding_within_what_is_allowed():
    rest = without_gold(crf([40], 5))
    allowed = (
        torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) < 0.5,
        *torch.eye(5)[:2].bool(),
    )
    allowed[0].fill_diagonal_(True)
    allowed[0][0, 1] = True
    best, score = ops.crf_decode(*rest, allowed)
    assert best[0] == 0
    assert best[-1] == 1
    assert allowed[0][best[:-1], best[1:]].all()
    assert score <= ops.crf_decode(*rest)[1]
    emissions, transitions, start, end, _ = rest
    total = start[0] + emissions[range(40), best].sum() + end[1]
    torch.testing.assert_close(score[0], total + transitions[best[:-1], best[1:]].sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emissions": torch.zeros(5)}, r"emissions must be \[T, C\] of 1 to 128 tags, not \[5\]"),
        ({"emissions": torch.zeros(5, 129)}, "1 to 128 tags"),
        ({"emissions": torch.zeros(5, 3).half()}, "must be float32 or float64 on cpu"),
        ({"tags": torch.zeros(4).long()}, r"tags must be int64 \[5\], not torch.int64 \[4\]"),
        ({"tags": torch.zeros(5).int()}, r"tags must be int64 \[5\], not torch.int32"),
        ({"transitions": torch.zeros(3, 2)}, r"transitions must be \[3, 3\], not \[3, 2\]"),
        ({"start": torch.zeros(3).double()}, "emissions are torch.float32 but start"),
        ({"end": torch.zeros(3, device="meta")}, "emissions are on cpu but end on meta"),
        ({"cu_seqlens": packed(5).long()}, r"cu_seqlens must be int32 \[B \+ 1\]"),
        ({"cu_seqlens": packed(5)[:0]}, r"cu_seqlens must be int32 \[B \+ 1\]"),
    ],
)
def test_arguments_that_are_wrong(change, message):
    right = {
        "emissions": torch.zeros(5, 3),
        "tags": torch.zeros(5).long(),
        "transitions": torch.zeros(3, 3),
        "start": torch.zeros(3),
        "end": torch.zeros(3),
        "cu_seqlens": packed(5),
    }
    with pytest.raises(ValueError, match=f"crf_nll: .*{message}"):
        ops.crf_nll(**{**right, **change})


def test_values_that_are_wrong():
    emissions, gold, *weights, cu_seqlens = crf([3, 2], 4)
    for tag in (-1, 4):
        wrong = gold.clone()
        wrong[3] = tag
        with pytest.raises(RuntimeError, match=f"crf_nll: tag {tag} of step 3 is not one of the 4"):
            ops.crf_nll(emissions, wrong, *weights, cu_seqlens)
    with pytest.raises(RuntimeError, match="must end at the number of tokens, 5, but ends at 4"):
        ops.crf_nll(emissions, gold, *weights, packed(4))
    masks = (torch.ones(4, 4).bool(), torch.ones(4).bool(), torch.ones(4))
    with pytest.raises(ValueError, match="allowed must be bool"):
        ops.crf_decode(emissions, *weights, cu_seqlens, masks)


def test_operators_pass_opcheck():
    emissions, gold, *weights, cu_seqlens = crf([3, 0, 4], 3)
    torch.library.opcheck(torch.ops.jnrf.crf_nll, (emissions, gold, *weights, cu_seqlens, True))
    rest = without_gold((emissions, gold, *weights, cu_seqlens))
    torch.library.opcheck(torch.ops.jnrf.crf_marginals, rest)
    torch.library.opcheck(torch.ops.jnrf.crf_decode, rest)


def test_compiles_as_one_graph_forward_and_backward():
    given = crf([3, 4], 3)
    compiled = torch.compile(lambda *x: ops.crf_nll(*x) * 2, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(
        with_gradients(compiled, given), with_gradients(lambda *x: ops.crf_nll(*x) * 2, given)
    )


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa, tmp_path):
    """A process that is held to an older instruction set gives the same result."""
    program = """
import sys, torch
from jnrf_ext import ops
emissions, gold, *rest = torch.load(sys.argv[1])
emissions.requires_grad_()
loss = ops.crf_nll(emissions, gold, *rest)
best, scores = ops.crf_decode(emissions, *rest)
torch.save((loss.detach(), *torch.autograd.grad(loss.sum(), emissions), best, scores), sys.argv[2])
"""
    given = [t.detach() for t in crf([9, 40], 13)]
    torch.save(given, tmp_path / "in.pt")
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "in.pt", tmp_path / "out.pt"],
        env={**os.environ, "JNRF_CPU_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    emissions, gold, *rest = given
    emissions.requires_grad_()
    loss = ops.crf_nll(emissions, gold, *rest)
    here = (loss, *torch.autograd.grad(loss.sum(), emissions), *ops.crf_decode(emissions, *rest))
    torch.testing.assert_close(torch.load(tmp_path / "out.pt"), tuple(t.detach() for t in here))
