"""Rows and segments of a document, and where they are in a packed batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.packing.outline import Layout, Outline, lay_out, mention_rows, outline
from jnrf_ext.text.sentences import sentence_starts
from jnrf_ext.text.tagging import align, decode_tags, encode_tags, to_mentions
from jnrf_ext.text.tokenizer import Encoded, Tokenizer

UNITS = ("wordpiece", "word", "token")
TEXT = "He took 10mg warfarin-like pills, twice.\nThen (sic) he left!"


@pytest.fixture(scope="module")
def tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return Tokenizer.train([" ".join(letters), " ".join("()-.,!'"), "he took the"], 200)


def config(**values) -> JNRFConfig:
    return JNRFConfig(hidden_size=4, **values)


def rows_of(tokenizer, text, **values) -> tuple[Encoded, Outline]:
    encoded = tokenizer.encode(text)
    return encoded, outline(text, encoded, config(**values))


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (
            "word",
            "He|took|10mg|warfarin|-|like|pills|,|twice|.|Then|(|sic|)|he|left|!",
        ),
        ("token", "He|took|10mg|warfarin-like|pills,|twice.|Then|(sic)|he|left!"),
    ],
)
def test_words_are_runs_of_letters_and_digits_and_tokens_what_white_space_parts(
    tokenizer, units, words
):
    _, rows = rows_of(tokenizer, TEXT, units=units, character_size=4)
    spelled = [TEXT[a:b] for a, b in zip(rows.starts, rows.ends, strict=True)]
    assert spelled == rows.words == words.split("|")


def test_wordpieces_are_rows_as_they_are(tokenizer):
    encoded, rows = rows_of(tokenizer, TEXT)
    assert rows.pieces is None
    assert rows.words is None
    assert rows.starts is encoded.starts
    assert rows.bounds.tolist() == [0, len(encoded)]


def test_a_row_knows_its_first_wordpiece(tokenizer):
    encoded, rows = rows_of(tokenizer, TEXT, units="word")
    assert (encoded.starts[rows.pieces] == rows.starts).all()
    last = np.append(rows.pieces[1:], len(encoded)) - 1
    assert (encoded.ends[last] == rows.ends).all()


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_wordpieces_has_no_rows(tokenizer, units, text):
    _, rows = rows_of(tokenizer, text, units=units, segments="sentence", character_size=4)
    assert len(rows) == 0
    assert rows.bounds.tolist() == [0, 0]


def test_a_first_wordpiece_of_white_space_begins_a_row():
    """As tokenizers that keep spaces have it; no wordpiece may be without a row."""
    columns = ([5, 6], [0, 1], [1, 3], [False, True], [0, 0], [3, 0])
    kinds = (np.int32, np.int32, np.int32, bool, np.uint8, np.uint8)
    encoded = Encoded(*(np.array(c, k) for c, k in zip(columns, kinds, strict=True)))
    rows = outline(" ab", encoded, config(units="token"))
    assert rows.pieces.tolist() == [0, 1]


@pytest.mark.parametrize("units", UNITS)
def test_segments_are_sentences_counted_in_rows(tokenizer, units):
    encoded, rows = rows_of(tokenizer, TEXT, units=units, segments="sentence")
    firsts = rows.starts[rows.segments].tolist()
    assert firsts == [0, TEXT.index("Then")]
    assert firsts == encoded.starts[sentence_starts(TEXT, encoded)].tolist()


# ---------------------------------------------------------------- packed
texts = st.text(st.sampled_from("abcAB1.!,()- \n'"), max_size=30)


@given(st.lists(texts, max_size=5), st.sampled_from(UNITS), st.booleans())
@settings(deadline=None)
def test_a_layout_has_the_rows_and_segments_of_each_document(tokenizer, documents, units, cut):
    segments = "sentence" if cut else "document"
    made = [
        rows_of(tokenizer, text, units=units, segments=segments, character_size=2)
        for text in documents
    ]
    lengths = [len(encoded) for encoded, _ in made]
    layout = lay_out([rows for _, rows in made], lengths)
    cu_pieces = np.cumsum([0, *lengths])
    bounds = (layout.cu_rows, layout.cu_segments, layout.cu_segment_pieces)
    assert all(b.dtype == torch.int32 and b.device.type == "cpu" for b in bounds)
    assert layout.cu_rows.diff().tolist() == [len(rows) for _, rows in made]
    assert layout.cu_segments[-1] == layout.cu_rows[-1]
    assert layout.cu_segment_pieces[-1] == cu_pieces[-1]
    # Segments never cross documents, neither in rows nor in wordpieces.
    assert set(layout.cu_rows.tolist()) <= set(layout.cu_segments.tolist())
    assert set(cu_pieces.tolist()) <= set(layout.cu_segment_pieces.tolist())
    assert (layout.cu_segments.diff() >= 0).all()
    first_pieces = np.arange(cu_pieces[-1])
    if layout.pieces is not None:
        first_pieces = layout.pieces.numpy()
        for row, (piece, end) in enumerate(pairwise([*first_pieces.tolist(), cu_pieces[-1]])):
            assert (layout.row_of[piece:end] == row).all()
    of_row = np.append(first_pieces, cu_pieces[-1])
    assert (of_row[layout.cu_segments] == layout.cu_segment_pieces.numpy()).all()
    if documents:
        words = [word for _, rows in made for word in rows.words]
        assert len(layout.shapes.index) == len(words) == layout.cu_rows[-1]


def test_without_an_outline_each_wordpiece_is_a_row_and_each_document_a_segment():
    cu = torch.tensor([0, 3, 3, 5], dtype=torch.int32)
    layout = Layout.plain(cu)
    assert layout.cu_rows is layout.cu_segments is layout.cu_segment_pieces is cu


def test_bounds_and_mentions_stay_on_the_host(tokenizer):
    encoded, rows = rows_of(tokenizer, TEXT, units="word", character_size=2)
    layout = lay_out([rows], [len(encoded)])
    layout.mentions = mention_rows([[("Drug", 3, 6)]], layout, ["Drug"])
    moved = layout.to("meta")
    assert moved.pieces.device.type == moved.row_of.device.type == "meta"
    assert moved.shapes.index.device.type == "meta"
    assert moved.cu_segments.device.type == moved.mentions.first.device.type == "cpu"


def test_mentions_are_counted_through_the_batch():
    cu = torch.tensor([0, 5, 5, 9], dtype=torch.int32)
    spans = [[("B", 0, 2), ("A", 3, 5)], [], [("A", 1, 2, 0.5)]]
    rows = mention_rows(spans, Layout.plain(cu), ["A", "B"])
    assert rows.first.tolist() == [0, 3, 6]
    assert rows.last.tolist() == [1, 4, 6]
    assert rows.type.tolist() == [1, 0, 0]
    assert rows.cu.tolist() == [0, 2, 2, 3]


# ---------------------------------------------------------------- offsets
@st.composite
def text_and_words(draw):
    text = draw(texts)
    places = st.integers(0, max(len(text) - 1, 0))
    return text, draw(st.lists(st.tuples(places, places, st.sampled_from("AB")), max_size=5))


@given(text_and_words(), st.sampled_from(UNITS))
@settings(deadline=None, max_examples=200)
def test_every_mention_of_whole_rows_keeps_its_offsets(tokenizer, drawn, units):
    """Document -> rows -> tags -> mentions."""
    text, places = drawn
    _, rows = rows_of(tokenizer, text, units=units)
    mentions, taken = [], set()
    for first, last, kind in places:
        if not len(rows):
            continue
        first, last = sorted((first % len(rows), last % len(rows)))
        if taken & set(range(first, last + 1)):
            continue
        taken |= set(range(first, last + 1))
        mentions.append((kind, int(rows.starts[first]), int(rows.ends[last])))
    mentions.sort(key=lambda mention: mention[1])
    spans = np.array([m[1:] for m in mentions], np.int64).reshape(-1, 2)
    firsts, lasts = align(rows.starts, rows.ends, spans[:, 0], spans[:, 1])
    labels = ["O", "B-A", "I-A", "B-B", "I-B"]
    tags, kept = encode_tags(len(rows), firsts, lasts, [m[0] for m in mentions], labels)
    assert kept.all()
    found = to_mentions(text, rows, decode_tags(tags, labels))
    assert [(m.type, *m.fragments[0]) for m in found] == mentions
    assert all(m.text == text[m.start : m.end] for m in found)


def test_a_setting_that_is_none_of_the_units_is_refused():
    with pytest.raises(InputError, match="units='line' is not known"):
        config(units="line")
