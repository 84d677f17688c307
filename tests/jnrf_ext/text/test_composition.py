"""Offsets do not depend on how the letters of a text are composed, but in its own units."""

from __future__ import annotations

import unicodedata
from itertools import accumulate

import numpy as np
import pytest
from compositions import CORPUS, EVERY, UNIFYING, byte_pieces, composed_twice, precompiled
from hypothesis import given, settings
from tokenizers import normalizers

from jnrf_ext import _text
from jnrf_ext.config import JNRFConfig
from jnrf_ext.packing.outline import outline
from jnrf_ext.text.sentences import sentence_starts
from jnrf_ext.text.tokenizer import Encoded, Tokenizer


def places(text: list[str], starts, ends) -> list[tuple[int, int]]:
    """Spans of characters as spans of what a reader sees as one character, half open."""
    bounds = [0, *accumulate(map(len, text))]
    first = np.searchsorted(bounds, starts, side="right") - 1
    last = np.searchsorted(bounds, ends, side="left")
    return list(zip(first.tolist(), last.tolist(), strict=True))


def described(text: list[str], encoded: Encoded) -> dict:
    joined = "".join(text)
    columns = {name: getattr(encoded, name).tolist() for name in ("ids", "word_starts", "shapes")}
    columns |= {"gaps": encoded.gaps.tolist(), "spans": places(text, encoded.starts, encoded.ends)}
    columns["sentences"] = sentence_starts(joined, encoded).tolist()
    for units in ("word", "token"):
        rows = outline(joined, encoded, JNRFConfig(units=units, segments="sentence"))
        columns[units] = (rows.pieces.tolist(), places(text, rows.starts, rows.ends))
    return columns


@pytest.mark.parametrize("name", UNIFYING)
@given(sides=composed_twice())
@settings(max_examples=40, deadline=None)
def test_each_composition_gives_the_same_wordpieces_at_the_same_characters(name, sides):
    first, second = (described(s, UNIFYING[name].encode("".join(s))) for s in sides)
    assert first == second


@pytest.mark.parametrize("name", EVERY)
@given(sides=composed_twice())
@settings(max_examples=40, deadline=None)
def test_words_end_where_a_reader_ends_them(name, sides):
    """Whatever wordpieces the compositions give, no row of words begins or ends inside a letter."""
    for text in sides:
        joined = "".join(text)
        rows = outline(joined, EVERY[name].encode(joined), JNRFConfig(units="word"))
        shown = rows.starts < rows.ends
        bounds = {0, *accumulate(map(len, text))}
        assert bounds.issuperset(rows.starts[shown].tolist())
        assert bounds.issuperset(rows.ends[shown].tolist())


@pytest.mark.parametrize("name", EVERY)
@given(sides=composed_twice())
@settings(max_examples=25, deadline=None)
def test_word_by_word_equals_the_whole_text_in_every_composition(name, sides):
    tokenizer, text = EVERY[name], "".join(sides[0])
    ours, whole = tokenizer.encode(text), tokenizer._encode_whole(text)
    for column in Encoded.__slots__:
        assert getattr(ours, column).tolist() == getattr(whole, column).tolist()


def surfaces(tokenizer: Tokenizer, text: str) -> list[str]:
    encoded = tokenizer.encode(text)
    return [text[a:b] for a, b in zip(encoded.starts, encoded.ends, strict=True)]


@pytest.mark.parametrize("name", [*UNIFYING, "as T5"])
@pytest.mark.parametrize("text", ["été", "강", "ﾌﾟ"])
def test_a_mention_ends_behind_what_a_normalizer_takes_away(name, text):
    taken_apart = unicodedata.normalize("NFD", text)
    encoded = EVERY[name].encode(f"ab {taken_apart} ab")
    end = 3 + len(taken_apart)
    assert end in encoded.ends
    assert not ((encoded.ends > 3) & (encoded.ends > end) & (encoded.starts < end)).any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301te\u0301 x", ["e\u0301te\u0301", "x"]),
        ("ที่ x", ["ที่", "x"]),
        ("❤\ufe0f x", ["❤\ufe0f", "x"]),
        ("x\u200d x\u00ad x\u2060, x", ["x\u200d", "x\u00ad", "x\u2060", ",", "x"]),
        ("x\U000e0100 x👍🏽", ["x\U000e0100", "x", "👍🏽"]),
        # These belong to no character before them.
        ("x\0 x\u200b x\u202c x\ufffd", ["x", "x", "x", "x"]),
        ("\u0301 x", ["x"]),
        ("\ufeffx", ["x"]),
        ("x \u0301x\n\u200d", ["x", "x"]),
    ],
)
def test_dropped_characters_of_the_one_before_belong_to_its_wordpiece(text, expected):
    tokenizer = Tokenizer.train(["x été"] * 5, 100)
    assert surfaces(tokenizer, text) == expected


def test_the_wordpieces_of_one_character_end_together():
    stripped = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    encoded = byte_pieces(stripped).encode("中\u0301 x")
    assert encoded.starts[:3].tolist() == [0, 0, 0]
    assert encoded.ends[:3].tolist() == [2, 2, 2]


def test_a_wordpiece_of_no_character_stays_behind_the_one_before():
    starts, ends, *_ = _text.describe_pieces("e\u0301 a", [0, 1, 3], [1, 1, 4])
    assert starts.tolist() == [0, 2, 3]
    assert ends.tolist() == [2, 2, 4]


def test_a_letter_that_is_a_wordpiece_keeps_its_marks_to_itself():
    """A cased tokenizer has marks as wordpieces; none reaches over another."""
    assert surfaces(EVERY["BERT, cased"], "ab\u0301") == ["ab", "\u0301"]


@pytest.mark.parametrize("text", ["É", "ᾼ", "été", "ÉTÉ", "Été", "É2"])
def test_the_shape_of_a_letter_is_the_same_in_every_form(text):
    shapes = set()
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, text)
        *_, shape = _text.describe_pieces(written, [0], [len(written)])
        shapes.add(int(shape[0]))
    assert len(shapes) == 1


def test_the_precompiled_table_replaces_what_it_lists():
    normalizer = precompiled({"e\u0301": "é", "ﬁ": "fi", "x": ""})
    assert normalizer.normalize_str("ce\u0301 ﬁ ab") == "cé fi ab"


def test_the_corpus_of_these_tests_is_composed():
    assert all(unicodedata.is_normalized("NFC", text) for text in CORPUS)
