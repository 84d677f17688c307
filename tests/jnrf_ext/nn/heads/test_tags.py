"""The tag head: schemes, the loss, the best tags, and their probabilities."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext import reference
from jnrf_ext.config import TAG_SCHEMES
from jnrf_ext.nn.heads.tags import TagHead, scheme_labels
from jnrf_ext.schema import Schema
from jnrf_ext.text.tagging import encode_tags

SCHEMA = Schema.from_types(["ADE", "Drug"], {})
TAGS = SCHEMA.tags
KINDS = [(crf, scheme) for crf in (False, True) for scheme in TAG_SCHEMES]


def build(crf: bool = False, scheme: str = "BIO", layers: int = 0, **settings) -> TagHead:
    torch.manual_seed(0)
    head = TagHead(6, SCHEMA, layers, 0.0, crf, scheme, **settings).double().eval()
    if crf:
        for weight in head.crf.weights:
            torch.nn.init.normal_(weight)
    return head


def bounds(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def logits_of(head: TagHead, *lengths: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 2 * torch.randn(sum(lengths), len(head.labels), generator=generator).double()


@st.composite
def tagged_segments(draw):
    """Mentions in segments, as BIO tags: indices into TAGS, and the segments' bounds."""
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    tags: list[int] = []
    for length in lengths:
        at, spans, kinds = 0, [], []
        while at < length:
            end = draw(st.integers(at + 1, length))
            if draw(st.booleans()):
                spans.append((at, end))
                kinds.append(draw(st.sampled_from(SCHEMA.entity_types)))
            at = end
        firsts, lasts = zip(*spans, strict=True) if spans else ((), ())
        columns = (torch.tensor(c, dtype=torch.int64).numpy() for c in (firsts, lasts))
        tags += encode_tags(length, *columns, kinds, TAGS)[0].tolist()
    return torch.tensor(tags, dtype=torch.int64), bounds(*lengths)


def spelled(names: list[str]) -> list[str]:
    """BIO -> IOBES, mention by mention."""
    out = list(names)
    at = 0
    while at < len(names):
        end = at + 1
        if names[at] != "O":
            while end < len(names) and names[end] == "I" + names[at][1:]:
                end += 1
            parts = "S" if end - at == 1 else "B" + "I" * (end - at - 2) + "E"
            out[at:end] = [part + names[at][1:] for part in parts]
        at = end
    return out


# ------------------------------------------------------------------ schemes


def test_labels_of_a_scheme_and_the_tags_they_stand_for():
    assert scheme_labels(TAGS, "BIO") == (TAGS, [0, 1, 2, 3, 4])
    labels, stand_for = scheme_labels(TAGS, "IOBES")
    assert " ".join(labels) == "O B-ADE I-ADE E-ADE S-ADE B-Drug I-Drug E-Drug S-Drug"
    assert [TAGS[tag] for tag in stand_for] == [
        *("O", "B-ADE", "I-ADE", "I-ADE", "B-ADE", "B-Drug", "I-Drug", "I-Drug", "B-Drug")
    ]


def test_tags_may_come_in_any_order():
    labels, stand_for = scheme_labels(["I-X", "O", "B-X"], "IOBES")
    assert labels == ["O", "B-X", "I-X", "E-X", "S-X"]
    assert stand_for == [1, 2, 0, 0, 2]
    head = TagHead(4, Schema(["I-X", "O", "B-X"], ["none"]), 0, 0.0, True, "IOBES")
    found = head.to_labels(torch.tensor([2, 0, 0, 1, 2]), bounds(5))
    assert [labels[i] for i in found] == ["B-X", "I-X", "E-X", "O", "S-X"]


@given(tagged_segments(), st.sampled_from(TAG_SCHEMES))
def test_labels_stand_for_the_tags_they_were_made_of(drawn, scheme):
    tags, cu = drawn
    head = build(scheme=scheme)
    labels = head.to_labels(tags, cu)
    assert torch.equal(head.tag_of[labels], tags)


@given(tagged_segments())
def test_labels_are_those_of_a_slow_loop(drawn):
    tags, cu = drawn
    head = build(scheme="IOBES")
    found = [head.labels[i] for i in head.to_labels(tags, cu)]
    expected: list[str] = []
    for start, end in pairwise(cu.tolist()):
        expected += spelled([TAGS[tag] for tag in tags[start:end]])
    assert found == expected


@given(tagged_segments())
def test_gold_labels_are_what_the_scheme_allows(drawn):
    tags, cu = drawn
    for scheme in TAG_SCHEMES:
        head = build(scheme=scheme)
        transitions, first, last = head.allowed
        for labels in head.to_labels(tags, cu).split(cu.diff().tolist()):
            assert all(transitions[a, b] for a, b in pairwise(labels.tolist()))
            assert not len(labels) or (first[labels[0]] and last[labels[-1]])


# ------------------------------------------------------------------ loss


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_the_loss_of_a_crf_is_its_likelihood_a_row(scheme):
    head = build(True, scheme)
    tags, cu = torch.tensor([1, 2, 0, 3, 3, 4, 0]), bounds(3, 0, 4)
    logits = logits_of(head, 7)
    labels = head.to_labels(tags, cu)
    expected = reference.crf_nll(logits, labels, *head.crf.weights, cu).sum() / 7
    torch.testing.assert_close(head.loss(logits, tags, cu), expected)


def test_without_a_crf_it_is_the_cross_entropy():
    head = build(label_smoothing=0.1)
    tags = torch.tensor([1, 2, 0])
    logits = logits_of(head, 3)
    rates = torch.full((3, 5), 0.1 / 5).double()
    rates[torch.arange(3), tags] += 0.9
    expected = -(rates * logits.log_softmax(1)).sum() / 3
    torch.testing.assert_close(head.loss(logits, tags, bounds(3)), expected)


@pytest.mark.parametrize(("crf", "scheme"), KINDS)
def test_every_weight_gets_a_gradient(crf, scheme):
    head = build(crf, scheme, layers=2).train()
    tags, cu = torch.tensor([1, 2, 0, 3, 3, 4]), bounds(4, 2)
    x = torch.randn(6, 6, dtype=torch.float64)
    head.loss(head(x), tags, cu).backward()
    assert [n for n, p in head.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_head_without_layers_is_a_linear_layer():
    head = build()
    x = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(head(x), torch.nn.functional.linear(x, *head.output.parameters()))


# ------------------------------------------------------------------ where it starts


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_a_head_may_start_at_how_often_each_tag_is(scheme):
    head = build(scheme=scheme)
    counts = torch.tensor([979, 9, 5, 2, 0])
    head.start_at(counts)
    logits = head(torch.zeros(1, 6, dtype=torch.float64))
    shares = head.log_probabilities(logits, bounds(1)).exp()[0]
    torch.testing.assert_close(shares, ((counts + 1) / 1000).to(shares))


# ------------------------------------------------------------------ the best tags


@pytest.mark.parametrize("scheme", TAG_SCHEMES)
def test_constrained_tags_spell_mentions(scheme):
    head = build(True, scheme)
    lengths = [1, 2, 30, 0, 7]
    cu = bounds(*lengths)
    tags = head.best(logits_of(head, *lengths), cu, constrained=True)
    for segment in tags.split(lengths):
        names = [TAGS[tag] for tag in segment]
        for before, name in zip(["O", *names], names, strict=False):
            assert name[0] != "I" or before[2:] == name[2:]
    # In the scheme's own labels nothing was lost by writing them as BIO.
    transitions, first, last = head.allowed
    for labels in head.to_labels(tags, cu).split(lengths):
        assert all(transitions[a, b] for a, b in pairwise(labels.tolist()))
        assert not len(labels) or (first[labels[0]] and last[labels[-1]])


def test_the_best_tags_without_a_crf_are_those_of_the_largest_logits():
    for scheme in TAG_SCHEMES:
        head = build(scheme=scheme)
        logits = logits_of(head, 9)
        expected = [head.stand_for[i] for i in logits.argmax(1)]
        assert head.best(logits, bounds(9)).tolist() == expected


@pytest.mark.parametrize(("crf", "scheme"), KINDS)
def test_probabilities_sum_to_1(crf, scheme):
    head = build(crf, scheme)
    log_probs = head.log_probabilities(logits_of(head, 5, 9), bounds(5, 9))
    assert log_probs.shape == (14, len(TAGS))
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(14).to(log_probs))


@pytest.mark.parametrize(("crf", "scheme"), KINDS)
def test_log_probabilities_stay_finite(crf, scheme):
    head = build(crf, scheme)
    logits = 1e4 * logits_of(head, 6)
    assert head.log_probabilities(logits, bounds(6)).isfinite().all()


def test_probabilities_of_a_scheme_are_the_sums_of_its_labels():
    head = build(scheme="IOBES")
    logits = logits_of(head, 4)
    single = logits.softmax(1)
    merged = head.log_probabilities(logits, bounds(4)).exp().double()
    begin = [head.labels.index(name) for name in ("B-Drug", "S-Drug")]
    torch.testing.assert_close(
        merged[:, TAGS.index("B-Drug")], single[:, begin].sum(1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("crf", "scheme"), KINDS)
def test_segments_do_not_influence_one_another(crf, scheme):
    head = build(crf, scheme)
    lengths = [4, 0, 6, 1]
    cu, logits = bounds(*lengths), logits_of(head, *lengths)
    together = head.log_probabilities(logits, cu)
    best = head.best(logits, cu, constrained=True)
    for part, probs, tags in zip(
        logits.split(lengths), together.split(lengths), best.split(lengths), strict=True
    ):
        own = bounds(len(part))
        torch.testing.assert_close(head.log_probabilities(part, own), probs)
        assert torch.equal(head.best(part, own, constrained=True), tags)


def test_nothing_in_gives_nothing_out():
    for crf, scheme in KINDS:
        head = build(crf, scheme)
        none = torch.zeros(0, 6, dtype=torch.float64)
        assert head.best(head(none), bounds(0)).shape == (0,)
        assert head.log_probabilities(head(none), bounds(0)).shape == (0, len(TAGS))
        assert head.to_labels(torch.zeros(0, dtype=torch.int64), bounds(0)).shape == (0,)


def test_what_a_scheme_needs_moves_with_the_head():
    head = build(True, "IOBES")
    head.to_labels(torch.tensor([1, 2]), bounds(2))
    assert {buffer.device.type for buffer in head.to("meta").buffers()} == {"meta"}
