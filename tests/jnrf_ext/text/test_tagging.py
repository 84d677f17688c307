"""Alignment of character spans with wordpieces, and BIO tags."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf_ext.documents.found import Spans
from jnrf_ext.errors import InputError
from jnrf_ext.text.tagging import (
    align,
    decode_tags,
    decode_words,
    encode_tags,
    to_mentions,
    without_blanks,
)
from jnrf_ext.text.tokenizer import Tokenizer

LABELS = ["O", "B-ADE", "I-ADE", "B-Drug", "I-Drug"]
O, B_ADE, I_ADE, B_DRUG, I_DRUG = range(5)


def align_one(starts, ends, fragment_start, fragment_end):
    first, last = align(starts, ends, [fragment_start], [fragment_end])
    return first[0], last[0]


# ---------------------------------------------------------------- alignment
@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 4), (0, 1)),  # the whole first piece
        ((1, 2), (0, 1)),  # inside it
        ((0, 7), (0, 2)),  # two pieces
        ((4, 5), (-1, -1)),  # the space between
        ((3, 6), (0, 2)),  # parts of two pieces and the space
        ((7, 8), (2, 3)),  # touches its neighbour at 7 alone
        ((8, 99), (-1, -1)),  # behind the text
        ((5, 5), (-1, -1)),  # nothing
        ((6, 2), (-1, -1)),  # backwards
    ],
)
def test_a_span_gets_the_wordpieces_it_shares_a_character_with(span, expected):
    assert align_one([0, 5, 7], [4, 7, 8], *span) == expected


def test_wordpieces_that_share_a_character_all_belong_to_it():
    assert align_one([0, 1, 1, 1, 2], [1, 2, 2, 2, 3], 1, 2) == (1, 4)


def test_empty_wordpieces_belong_to_no_span():
    assert align_one([0, 2, 2, 2], [2, 2, 2, 4], 2, 4) == (3, 4)
    assert align_one([0, 2, 2], [2, 2, 2], 0, 3) == (0, 1)


def overlapping(starts, ends, fragment_start, fragment_end):
    found = [
        i
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
        if max(start, fragment_start) < min(end, fragment_end)
    ]
    return (found[0], found[-1] + 1) if found else (-1, -1)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20),
    st.integers(-2, 70),
    st.integers(-2, 70),
)
@settings(deadline=None)
def test_alignment_equals_looking_at_every_wordpiece(gaps_and_lengths, start, end):
    bounds = np.cumsum(np.array(gaps_and_lengths, int).reshape(-1))
    starts, ends = bounds[::2], bounds[1::2]
    assert align_one(starts, ends, start, end) == overlapping(starts, ends, start, end)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [1], [0], [1]), "starts has 2 wordpieces, ends has 1"),
        (([0], [1], [0, 0], [1]), "span_starts has 2 spans, span_ends has 1"),
        (([0, 5, 3], [1, 6, 7], [0], [1]), "starts must not decrease, but falls at wordpiece 2"),
        (([0, 5], [9, 6], [0], [1]), "ends must not decrease"),
        (([[0]], [[1]], [0], [1]), "starts must have one dimension, has 2"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        align(*arguments)


# ---------------------------------------------------------------- to tags
def encode(length, mentions, overlap="longest"):
    first, last, types = zip(*mentions, strict=True) if mentions else ((), (), ())
    tags, kept = encode_tags(length, first, last, types, LABELS, overlap)
    assert tags.dtype == np.int64
    return tags.tolist(), kept.tolist()


def test_mentions_become_b_and_i_tags():
    tags, kept = encode(6, [(1, 3, "ADE"), (3, 4, "ADE"), (5, 6, "Drug")])
    assert tags == [O, B_ADE, I_ADE, B_ADE, O, B_DRUG]
    assert kept == [True, True, True]


def test_the_longest_of_overlapping_mentions_stays_whole():
    tags, kept = encode(5, [(0, 1, "Drug"), (0, 3, "ADE"), (2, 4, "Drug"), (3, 5, "Drug")])
    assert tags == [B_ADE, I_ADE, I_ADE, B_DRUG, I_DRUG]
    assert kept == [False, True, False, True]


def test_of_equally_long_ones_the_earlier_then_the_first_listed_stays():
    assert encode(4, [(1, 3, "Drug"), (0, 2, "ADE")]) == ([B_ADE, I_ADE, O, O], [False, True])
    assert encode(2, [(0, 2, "Drug"), (0, 2, "ADE")]) == ([B_DRUG, I_DRUG], [True, False])


def test_the_last_listed_overwrites_what_it_covers():
    tags, kept = encode(4, [(0, 3, "ADE"), (1, 2, "Drug")], "last")
    assert tags == [B_ADE, B_DRUG, I_ADE, O]
    assert kept == [False, True]


def test_a_mention_without_wordpieces_is_not_kept():
    assert encode(2, [(-1, -1, "ADE"), (0, 1, "Drug")]) == ([B_DRUG, O], [False, True])


def test_no_wordpieces_no_tags():
    assert encode(0, []) == ([], [])


@pytest.mark.parametrize(
    ("mention", "message"),
    [
        ((0, 3, "ADE"), r"mention 0 covers wordpieces \[0, 3\), the document has 2"),
        ((1, 1, "ADE"), r"\[1, 1\)"),
        ((0, 1, "Dose"), "entity type 'Dose' has no B- and I- tag"),
    ],
)
def test_impossible_mentions_are_refused(mention, message):
    with pytest.raises(InputError, match=message):
        encode(2, [mention])


def test_unequal_columns_and_unknown_policies_are_refused():
    with pytest.raises(InputError, match="one length, got 2, 1, 1, 1"):
        encode_tags(5, [0, 1], [1], ["ADE"], LABELS)
    with pytest.raises(InputError, match="'shortest' is none of longest, last"):
        encode(2, [], "shortest")


@pytest.mark.parametrize("labels", [["B-ADE", "I-ADE"], ["O", "U-ADE"], ["O", "ADE"], ["O", "B-"]])
def test_tags_that_are_not_bio_are_refused(labels):
    with pytest.raises(InputError, match=r"no 'O'|neither 'O' nor"):
        decode_tags([0], labels)


# ---------------------------------------------------------------- from tags
def test_b_and_i_merge_into_one_mention():
    assert decode_tags([B_ADE, I_ADE, B_ADE, O, B_DRUG], LABELS) == [
        ("ADE", 0, 2),
        ("ADE", 2, 3),
        ("Drug", 4, 5),
    ]


def test_an_i_that_continues_nothing_of_its_type_starts_a_mention():
    assert decode_tags([I_ADE, I_ADE, I_DRUG, O, I_DRUG], LABELS) == [
        ("ADE", 0, 2),
        ("Drug", 2, 3),
        ("Drug", 4, 5),
    ]


def test_the_order_of_the_labels_is_free():
    assert decode_tags([2, 0, 1], ["I-ADE", "O", "B-ADE"]) == [("ADE", 0, 2)]


def test_scores_are_means_over_a_mention():
    scores = np.array([0.5, 1.0, 0.25, 0.75], np.float32)
    assert decode_tags([B_ADE, I_ADE, O, B_DRUG], LABELS, scores) == [
        ("ADE", 0, 2, 0.75),
        ("Drug", 3, 4, 0.75),
    ]


def test_every_wordpiece_needs_a_score():
    with pytest.raises(InputError, match=r"scores has shape \[1\], tags has 2 wordpieces"):
        decode_tags([O, O], LABELS, [0.5])


def test_a_tag_beyond_the_labels_is_refused():
    with pytest.raises(InputError, match="tag 5 of wordpiece 1 is not one of the 5 labels"):
        decode_tags([0, 5], LABELS)


def test_reference_words_take_the_tag_of_their_first_wordpiece():
    #      [B-ADE  I-Drug] [I-ADE] [O  B-Drug] [B-Drug]
    tags = [B_ADE, I_DRUG, I_ADE, O, B_DRUG, B_DRUG]
    starts = [True, False, True, True, False, True]
    assert decode_words(tags, starts, LABELS) == [("ADE", 0, 2), ("Drug", 5, 6)]


def test_reference_words_need_as_many_marks_as_tags():
    with pytest.raises(InputError, match="tags has 2 wordpieces, word_starts has 1"):
        decode_words([0, 0], [True], LABELS)


@st.composite
def separate_mentions(draw):
    length = draw(st.integers(0, 30))
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=12)))
    pairs = list(pairwise(cuts))
    chosen = draw(st.lists(st.sampled_from(["ADE", "Drug", None]), min_size=12, max_size=12))
    return length, [(*p, kind) for p, kind in zip(pairs, chosen, strict=False) if kind]


@given(separate_mentions(), st.sampled_from(["longest", "last"]))
@settings(deadline=None)
def test_decoding_undoes_encoding(document, overlap):
    length, mentions = document
    tags, kept = encode(length, mentions, overlap)
    assert all(kept)
    assert decode_tags(tags, LABELS) == [(kind, first, last) for first, last, kind in mentions]


@given(st.lists(st.integers(0, 4)))
@settings(deadline=None)
def test_any_tags_decode_to_separate_mentions_that_cover_what_is_not_o(tags):
    mentions = decode_tags(tags, LABELS)
    covered = [i for _, first, last in mentions for i in range(first, last)]
    assert covered == [i for i, tag in enumerate(tags) if tag != O]


@given(st.text(), st.data())
@settings(deadline=None, max_examples=200)
def test_characters_survive_to_tags_and_back(tokenizer, text, data):
    encoded = tokenizer.encode(text)
    n = len(encoded)
    # Between two wordpieces that share no character a mention may begin or end.
    cuts = [i for i in range(n + 1) if i in (0, n) or encoded.starts[i] >= encoded.ends[i - 1]]
    chosen = sorted(data.draw(st.sets(st.sampled_from(cuts), max_size=10)))
    pieces = list(zip(chosen[::2], chosen[1::2], strict=False))
    spans = [(int(encoded.starts[a]), int(encoded.ends[b - 1])) for a, b in pieces]
    first, last = align(encoded.starts, encoded.ends, [s for s, _ in spans], [e for _, e in spans])
    tags, kept = encode_tags(n, first, last, ["Drug"] * len(spans), LABELS)
    assert kept.all()
    mentions = to_mentions(text, encoded, decode_tags(tags, LABELS))
    assert [m.fragments for m in mentions] == [(span,) for span in spans]
    assert [m.text for m in mentions] == [text[start:end] for start, end in spans]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["abc äöü ab b c 12 3 — 강가 é"] * 3, 100)


def test_mentions_carry_their_type_text_and_score(tokenizer):
    text = "ab  c"
    (mention,) = to_mentions(text, tokenizer.encode(text), [("Drug", 0, 2, 0.5)])
    assert (mention.id, mention.type, mention.text, mention.score) == ("T1", "Drug", "ab  c", 0.5)


# ---------------------------------------------------------------- white space
class Rows:
    """Rows of a text " ab  c ": white space, a word, nothing, white space, a word, nothing."""

    text = " ab  c "
    starts = np.array([0, 1, 3, 3, 5, 7], np.int32)
    ends = np.array([1, 3, 3, 5, 6, 7], np.int32)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((1, 2), (1, 2)),
        ((0, 2), (1, 2)),
        ((0, 6), (1, 5)),
        ((1, 4), (1, 2)),
        ((2, 5), (4, 5)),
        ((1, 5), (1, 5)),  # what lies within stays
        ((0, 1), None),
        ((2, 4), None),
        ((5, 6), None),
    ],
)
def test_spans_lose_white_space_at_their_ends(span, expected):
    others = [("ADE", 1, 2, 0.5), ("Drug", *span, 0.25)]
    found = list(without_blanks(Rows.text, Rows, Spans.of_tuples(others)))
    kept = [("Drug", *expected)] if expected else []
    assert found == others[:1] + [(*mention, 0.25) for mention in kept]
    bare = Spans.of_tuples([("Drug", *span)])
    assert list(without_blanks(Rows.text, Rows, bare)) == kept
