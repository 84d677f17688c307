"""The word rule: which characters make a word, in every script and composition."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from compositions import CLUSTERS, composed_twice
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jnrf_ext import InputError, _text
from jnrf_ext.text.words import word_spans


def words(text: str) -> list[str]:
    return [text[a:b] for a, b in zip(*word_spans(text), strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took 10mg (b.i.d.), don't", "took|10mg|(|b|.|i|.|d|.|)|,|don|'|t"),
        ("x² 10½mg 5°C A→B snake_case", "x²|10½mg|5|°|C|A|→|B|snake|_|case"),
        ("e\u0301te\u0301 naïve Ångström", "e\u0301te\u0301|naïve|Ångström"),
        ("💩This John Smith？ 5mg–daily", "💩|This|John|Smith|？|5mg|–|daily"),
        ("ＡＢＣ１２ βblocker Ψυχή", "ＡＢＣ１２|βblocker|Ψυχή"),
        # Each letter of a script that sets no spaces, with its marks and what is stacked below.
        ("阿司匹林5毫克，Aspirin给药", "阿|司|匹|林|5|毫|克|，|Aspirin|给|药"),
        ("プログラム か\u3099 ﾌﾟ 々ー", "プ|ロ|グ|ラ|ム|か\u3099|ﾌﾟ|々|ー"),
        ("ที่น้ำ๑๒ ພາ", "ที่|น้ำ|๑๒|ພ|າ"),
        ("ខ្មែរ မြန်မာ က္က", "ខ្មែ|រ|မြ|န်|မာ|က္က"),
        # Scripts that set spaces keep their words.
        ("한국어 강 हिन्दी עִבְרִית العَرَبِيَّة", "한국어|강|हिन्दी|עִבְרִית|العَرَبِيَّة"),
        ("\u1100\u1161\u11abx", "\u1100\u1161\u11abx"),
        # Joiners, variation selectors, what shows nothing.
        ("❤\ufe0fb 👍🏽y 1\ufe0f\u20e3", "❤\ufe0f|b|👍🏽|y|1\ufe0f\u20e3"),
        ("😀😢🇨🇭x", "😀|😢|🇨🇭|x"),
        ("👩\u200d⚕\ufe0fx", "👩\u200d⚕\ufe0f|x"),
        ("می\u200cخواهم as\u00adpirin a\u2060b", "می\u200cخواهم|as\u00adpirin|a\u2060b"),
        # What parts: the zero width space, and the controls of the direction of writing.
        ("a\u200bb \u202bab\u202c a\u200f", "a|\u200b|b|\u202b|ab|\u202c|a|\u200f"),
        (" \u0301a\u3000b\u2028c", "\u0301|a|b|c"),
        ("", ""),
    ],
)  # fmt: skip
def test_words(text, expected):
    assert words(text) == (expected.split("|") if expected else [])


def base(character: str) -> bool:
    return not unicodedata.category(character).startswith("M")


@given(st.text(st.characters(max_codepoint=0x2AF, codec="utf-8", exclude_characters="\xad")))
def test_words_of_latin_text_are_runs_of_letters_and_digits(text):
    expected, before = [], " "
    for character in text:
        if not character.isspace():
            if before.isalnum() and character.isalnum():
                expected[-1] += character
            else:
                expected.append(character)
        before = character
    assert words(text) == expected


any_text = st.lists(st.one_of(st.sampled_from(CLUSTERS), st.characters(codec="utf-8"))).map("".join)


@given(any_text)
@example("a≠b =\u0338\u0344")
@settings(max_examples=300)
def test_words_do_not_depend_on_composition(text):
    composed, taken_apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert [unicodedata.normalize("NFC", word) for word in words(taken_apart)] == words(composed)


@given(composed_twice())
def test_words_of_mixed_compositions_are_the_same(sides):
    first, second = ([unicodedata.normalize("NFC", w) for w in words("".join(s))] for s in sides)
    assert first == second


@given(any_text)
def test_all_but_white_space_is_in_one_word_and_no_mark_begins_a_word_behind_a_character(text):
    starts, ends = word_spans(text)
    assert (starts.dtype, ends.dtype) == (np.int32, np.int32)
    assert (starts < ends).all()
    assert (ends[:-1] <= starts[1:]).all()
    inside = np.zeros(len(text), bool)
    for start, end in zip(starts, ends, strict=True):
        inside[start:end] = True
    assert inside.tolist() == [not character.isspace() for character in text]
    for start in starts[starts > 0]:
        assert base(text[start]) or text[start - 1].isspace()


@given(any_text)
def test_wordpieces_of_one_character_each_make_the_same_words(text):
    shown = np.array([i for i, c in enumerate(text) if not c.isspace()], np.int32)
    starts = _text.unit_starts(text, shown, shown + 1)
    assert shown[starts].tolist() == word_spans(text)[0].tolist()


@given(st.text(max_size=30))
def test_words_set_apart_by_spaces_stay_the_same_words(text):
    assert words(" ".join(words(text))) == words(text)


def test_what_is_no_text_is_refused():
    with pytest.raises(InputError, match="must be str, not bytes"):
        word_spans(b"rash")
