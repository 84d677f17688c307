"""Words of a text: those that models work on, found without a tokenizer."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.config import JNRFConfig
from jnrf_ext.outline import outline
from jnrf_ext.tokenizer import Tokenizer
from jnrf_ext.words import word_bounds

CONFIG = JNRFConfig(hidden_size=4, units="word")


def words(text: str) -> list[str]:
    return [
        text[a:b] for a, b in zip(*(bounds.tolist() for bounds in word_bounds(text)), strict=True)
    ]


def test_letters_and_digits_stay_together_and_punctuation_stands_apart():
    assert words("IL-2, 5mg/day  naïve\n(b.i.d.)") == [
        *("IL", "-", "2", ",", "5mg", "/", "day", "naïve", "(", "b", ".", "i", ".", "d", ".", ")")
    ]


def test_a_text_without_words_has_none():
    for text in ("", " \n\u3000"):
        starts, ends = word_bounds(text)
        assert (starts.dtype, starts.size, ends.size) == (np.int32, 0, 0)


@given(st.text(max_size=30))
def test_words_cover_all_but_white_space_in_order(text):
    assert "".join(words(text)) == "".join(text.split())
    assert all(word and not any(map(str.isspace, word)) for word in words(text))


@given(st.text(max_size=30))
def test_words_of_words_are_the_same(text):
    assert words(" ".join(words(text))) == words(text)


@given(st.text("aé9.-, \n", max_size=30))
def test_words_are_the_rows_of_a_model_whose_rows_are_words(text):
    tokenizer = Tokenizer.train(["a é 9 . - ,"], 60, lowercase=False)
    encoded = tokenizer.encode(text)
    rows = outline(text, encoded, CONFIG)
    starts, ends = word_bounds(text)
    assert rows.starts.tolist() == starts.tolist()
    assert rows.ends.tolist() == ends.tolist()
