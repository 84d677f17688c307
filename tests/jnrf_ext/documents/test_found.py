"""Mentions and relations made from columns are those that their classes make."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext import _text
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.documents.found import Spans, set_relations
from jnrf_ext.errors import InputError
from jnrf_ext.text.tagging import scored_spans, to_mentions

KINDS = ["Drug", "Dose", "Ärger"]
LABELS = ["B-Drug", "I-Drug", "O", "I-Dose", "B-Ärger", "I-Ärger"]


def plain_mentions(text, starts, ends, spans):
    mentions = []
    for number, (kind, first, last, *score) in enumerate(spans, 1):
        start, end = int(starts[first]), int(ends[last - 1])
        mentions.append(Mention(f"T{number}", kind, ((start, end),), text[start:end], *score))
    return mentions


def plain_scores(tags, log_probs):
    """Mean probability of the type's tags, as differences of running sums."""
    kinds = list(dict.fromkeys(label[2:] for label in LABELS if label != "O"))
    of_type = np.array([[label[2:] == kind for kind in kinds] for label in LABELS], np.float32)
    totals = np.cumsum(np.exp(log_probs) @ of_type, axis=0, dtype=np.float64)
    totals = np.concatenate([np.zeros((1, len(kinds))), totals])
    spans = scored_spans(tags, log_probs, LABELS)
    index = [kinds.index(kind) for kind, *_ in spans]
    return (totals[spans.last, index] - totals[spans.first, index]) / (spans.last - spans.first)


@st.composite
def spanned_texts(draw, scored: bool):
    text = draw(st.text("ab \n\té中\U0001d499", min_size=1, max_size=20))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2)))
    starts, ends = np.array(cuts[:-1], np.int32), np.array(cuts[1:], np.int32)
    rows = sorted(draw(st.sets(st.integers(0, len(starts)))))
    spans = [
        (draw(st.sampled_from(KINDS)), first, last, *([draw(st.floats(0, 1))] if scored else []))
        for first, last in zip(rows[::2], rows[1::2], strict=False)
    ]
    return text, starts, ends, spans


@given(st.booleans().flatmap(spanned_texts))
def test_mentions_are_those_of_the_plain_way(example):
    text, starts, ends, spans = example
    encoded = SimpleNamespace(starts=starts, ends=ends)
    expected = plain_mentions(text, starts, ends, spans)
    for given_as in (spans, Spans.of_tuples(spans)):
        made = to_mentions(text, encoded, given_as)
        assert made == expected
        assert repr(made) == repr(expected)
    assert list(Spans.of_tuples(spans)) == spans


def test_ids_go_on_where_shared_ones_end():
    columns = np.arange(5000)
    spans = Spans(["A"], np.zeros(5000, np.int64), columns, columns + 1)
    offsets = columns.astype(np.int32)
    mentions = spans.mentions("a" * 5000, offsets, offsets + 1)
    assert [m.id for m in mentions] == [f"T{n}" for n in range(1, 5001)]


def test_mentions_outlive_the_collector_and_can_be_changed():
    spans = Spans.of_tuples([("A", 0, 1), ("B", 1, 2)])
    one, two = spans.mentions("ab", np.array([0, 1], np.int32), np.array([1, 2], np.int32))
    gc.collect()
    one.fragments, two.type = ((0, 2),), "C"
    assert one == Mention("T1", "A", ((0, 2),), "a")
    assert two == Mention("T2", "C", ((1, 2),), "b")
    with pytest.raises(AttributeError):
        one.other = 1


@pytest.mark.parametrize(
    "columns", [([0], [2], [3]), ([0], [-1], [1]), ([0], [0], [0]), ([1], [0], [1]), ([0], [0], [])]
)
def test_columns_that_do_not_fit_are_errors(columns):
    spans = Spans(["A"], *(np.array(column, np.int64) for column in columns))
    with pytest.raises(InputError):
        spans.mentions("ab", np.array([0, 1], np.int32), np.array([1, 2], np.int32))


@given(
    st.integers(0, 40).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, len(LABELS) - 1), min_size=n, max_size=n),
            st.integers(0, 2**32 - 1),
        )
    )
)
def test_scores_are_those_of_running_sums_to_the_last_bit(example):
    tags, seed = example
    numbers = np.random.default_rng(seed).normal(scale=4, size=(len(tags), len(LABELS)))
    log_probs = -np.abs(numbers).astype(np.float32)
    spans = scored_spans(np.array(tags, np.int64), log_probs, LABELS)
    assert spans.scores.tolist() == plain_scores(np.array(tags, np.int64), log_probs).tolist()


@pytest.mark.parametrize(("first", "last"), [([0, 1], [2, 3]), ([0], [0]), ([0], [9]), ([-1], [1])])
def test_scores_of_mentions_out_of_order_or_range_are_errors(first, last):
    parts, types = np.array([0, 1], np.uint8), np.array([-1, 0], np.int32)
    with pytest.raises(InputError, match="out of order or range"):
        _text.mention_scores(np.ones((4, 2)), parts, types, [0] * len(first), first, last)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.data())
def test_relations_are_those_of_the_plain_way(counts, data):
    starts = np.arange(5, dtype=np.int32)
    spans = [Spans.of_tuples([("A", i, i + 1) for i in range(count)]) for count in counts]
    documents = [
        Document(str(i), "abcde", s.mentions("abcde", starts, starts + 1))
        for i, s in enumerate(spans)
    ]
    owners = [(i, mention) for i, d in enumerate(documents) for mention in d.mentions]
    pairs = [
        (head, tail, kind)
        for head in range(len(owners))
        for tail in range(len(owners))
        if owners[head][0] == owners[tail][0]
        for kind in data.draw(st.lists(st.integers(0, 1), max_size=1))
    ]
    columns = np.array(pairs, np.int64).reshape(-1, 3).T
    scores = np.linspace(0, 1, len(pairs))
    expected = [[] for _ in counts]
    for (head, tail, kind), score in zip(pairs, scores.tolist(), strict=True):
        index, mention = owners[head]
        name = f"R{len(expected[index]) + 1}"
        expected[index].append(
            Relation(name, ["none", "Of"][kind], mention.id, owners[tail][1].id, score)
        )
    set_relations(documents, spans, *columns, scores, ["none", "Of"])
    assert [d.relations for d in documents] == expected
    assert repr([d.relations for d in documents]) == repr(expected)


@given(st.text("ab \n\r中\U0001d499", min_size=1, max_size=30), st.data())
def test_gaps_are_those_of_counting_line_breaks(text, data):
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    ends = [data.draw(st.integers(0, len(text))) for _ in cuts]
    starts, ends = np.array(cuts, np.int32), np.array(sorted(ends), np.int32)
    expected = [
        3 if i == 0 else min(text.count("\n", starts[i - 1], starts[i]) + 1, 3)
        for i in range(len(cuts))
    ]
    for i in range(1, len(cuts)):
        if expected[i] == 1:
            expected[i] = int(starts[i] > ends[i - 1])
    assert _text.gaps(text, starts, ends).tolist() == expected


def test_wordpieces_out_of_order_or_text_have_no_gaps():
    with pytest.raises(InputError, match="out of order"):
        _text.gaps("abc", [1, 0], [1, 2])
    with pytest.raises(InputError, match="outside the text"):
        _text.gaps("abc", [0, 4], [1, 4])
