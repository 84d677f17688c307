"""Where sentences start."""

from __future__ import annotations

import dataclasses
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jnrf_ext.text import sentences as module
from jnrf_ext.text.sentences import sentence_starts, words_by_sentence
from jnrf_ext.text.tokenizer import Tokenizer
from jnrf_ext.text.words import word_spans


@pytest.fixture(scope="module")
def tokenizer():
    printable = "".join(map(chr, range(33, 127)))
    return Tokenizer.train([" ".join(printable), "patients the of with"], 300)


def sentences(tokenizer, text: str) -> list[str]:
    encoded = tokenizer.encode(text)
    starts = encoded.starts[sentence_starts(text, encoded)].tolist()
    ends = [*starts[1:], len(text)]
    return [text[a:b].strip() for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "He takes aspirin.|She does not.",
        "Is it so?|Yes!|He left.",
        "He said (so it was.)|Then he left.",
        'He said "no more."|Then he left.',
        "Allergies:|Penicillin.",
        "Plan -|Start warfarin",
        "Given 2.5 mg at 8 a.m. daily.|Then 5.0 mg.",
        "Seen by Dr. Smith and J. Jones.|He improved.",
        "Drugs, e.g. Aspirin (cf. Fig. 2) were given.|Stop.",
        "Smith et al. Report a rash vs. Placebo.|So what.",
        "He waited...|Then he left.",
        "Temperature 37.5.|Pulse 80.",
        "He took it. then he slept.",
        "Blood pressure of\n120/80 was noted.",
        "Aspirin,\nWarfarin.",
        "One sentence without an end",
    ],
)
def test_sentences_end_where_a_reader_ends_them(tokenizer, text):
    expected = text.split("|")
    assert sentences(tokenizer, "\n".join(expected)) == expected
    if all(sentence.rstrip(')"')[-1] in ".!?" for sentence in expected[:-1]):
        assert sentences(tokenizer, " ".join(expected)) == expected


def test_a_space_ends_no_heading_but_a_line_break_does(tokenizer):
    assert sentences(tokenizer, "Allergies: Penicillin.") == ["Allergies: Penicillin."]
    assert len(sentences(tokenizer, "Allergies:\nPenicillin.")) == 2


def test_a_line_that_ends_in_a_word_goes_on(tokenizer):
    assert len(sentences(tokenizer, "He was given\nWarfarin.")) == 1


def test_a_blank_line_always_ends_one(tokenizer):
    for blank in ("\n\n", "\n \n", "\r\n\r\n"):
        assert len(sentences(tokenizer, f"of the{blank}patients")) == 2


def test_an_abbreviation_at_the_end_of_a_line_ends_the_sentence(tokenizer):
    assert sentences(tokenizer, "Drugs etc.\nHe left.") == ["Drugs etc.", "He left."]


def test_a_long_word_before_a_full_stop_is_no_abbreviation(tokenizer):
    assert len(sentences(tokenizer, "a" * 30 + "dr. He left.")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "On note une cécité\nNormale.",
        "Vu par É. Martin. Puis il sort.",
        "Fin (été)\nNormale",
        "«Été.» Normal\nÉté.",
    ],
)
def test_sentences_do_not_depend_on_how_letters_are_composed(tokenizer, text):
    composed, taken_apart = (
        [unicodedata.normalize("NFC", sentence) for sentence in sentences(tokenizer, written)]
        for written in (text, unicodedata.normalize("NFD", text))
    )
    assert composed == taken_apart


def test_full_width_stops_need_no_space(tokenizer):
    text = "患者服用阿司匹林。|病情稳定！|「是吗？」|ok？！|He left. Then"
    text = text.replace(". ", ".|")
    assert sentences(tokenizer, text.replace("|", "").replace(".T", ". T")) == text.split("|")
    assert sentences(tokenizer, "病情。 稳定。\n") == ["病情。", "稳定。"]


def test_white_space_at_the_start_ends_no_sentence(tokenizer):
    """As tokenizers that keep spaces have it; what the text ends with does not matter."""
    for end in (".", ":", "x"):
        text = f" \nShe stayed{end}"
        encoded = tokenizer.encode(text)
        space = {"ids": 0, "starts": 0, "ends": 1, "word_starts": False, "shapes": 0, "gaps": 3}
        columns = {
            f.name: np.insert(getattr(encoded, f.name), 0, space[f.name])
            for f in dataclasses.fields(encoded)
        }
        columns["gaps"][1] = 2
        starts = sentence_starts(text, dataclasses.replace(encoded, **columns))
        assert np.flatnonzero(starts).tolist() == [0]


def test_no_text_has_no_sentence(tokenizer):
    assert sentence_starts("", tokenizer.encode("")).tolist() == []


def test_wordpieces_of_white_space_hide_no_end(tokenizer):
    """As tokenizers that keep spaces have them."""
    text = "He left.  She stayed."
    encoded = tokenizer.encode(text)
    at = int(np.flatnonzero(encoded.starts == text.index("She"))[0])
    space = {"ids": 0, "starts": 8, "ends": 10, "word_starts": False, "shapes": 0, "gaps": 0}
    columns = {
        f.name: np.insert(getattr(encoded, f.name), at, space[f.name])
        for f in dataclasses.fields(encoded)
    }
    columns["gaps"][at + 1] = 0
    starts = sentence_starts(text, dataclasses.replace(encoded, **columns))
    assert np.flatnonzero(starts).tolist() == [0, at + 1]


@given(st.text(st.sampled_from("aBz.!?,:\"') \n\t1\u200b\x00é中"), max_size=40))
@example("a.\u200bB")
@settings(deadline=None)
def test_sentences_start_at_the_first_wordpiece_and_at_words_alone(tokenizer, text):
    encoded = tokenizer.encode(text)
    starts = sentence_starts(text, encoded)
    assert (starts.dtype, len(starts)) == (bool, len(encoded))
    assert starts[:1].all()
    assert not (starts[1:] & ~(encoded.gaps[1:] > 0)).any()
    assert not (starts[1:] & ~encoded.word_starts[1:]).any()
    for at in encoded.starts[1:][starts[1:]]:
        assert text[at - 1].isspace() or not text[at - 1].isprintable()


@given(st.text(st.sampled_from("aBz1.!?,:\"') \n\t\u200b\u0301é中。"), max_size=40))
@settings(deadline=None)
def test_words_behind_letters_and_digits_are_passed_over_rightly(tokenizer, text):
    encoded = tokenizer.encode(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_end_in_ascii_alphanumeric", lambda text, ends: ends < 0)
        asked = sentence_starts(text, encoded)
    assert sentence_starts(text, encoded).tolist() == asked.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n", []),
        ("He left, at 8 a.m. daily. She stayed.", [0] * 11 + [1] * 3),
        ("Plan:\nrest\n\nDr. No", [0, 0, 0, 1, 1, 1]),
        ("病情。好", [0, 0, 0, 1]),
    ],
)
def test_words_know_their_sentence(text, expected):
    starts, ends, numbers = words_by_sentence(text)
    assert (starts.tolist(), ends.tolist()) == tuple(a.tolist() for a in word_spans(text))
    assert (numbers.dtype, numbers.tolist()) == (np.int64, expected)


@given(st.text(st.sampled_from("aBz1.!?,:\"') \n\té中。"), max_size=40))
@settings(deadline=None)
def test_words_have_the_sentences_of_wordpieces(tokenizer, text):
    starts, _, numbers = words_by_sentence(text)
    encoded = tokenizer.encode(text)
    wordpieces = np.cumsum(sentence_starts(text, encoded)) - 1
    at = np.searchsorted(encoded.starts, starts, side="right") - 1
    assert numbers.tolist() == wordpieces[at].tolist()


def test_the_lines_of_real_documents_are_sentences(tokenizer, shared_data):
    files = sorted((shared_data / "phee-n2c2" / "test").glob("*.txt"))
    lines = found = expected = 0
    for file in files:
        text = file.read_text(encoding="utf-8")
        encoded = tokenizer.encode(text)
        starts = set(encoded.starts[sentence_starts(text, encoded)].tolist())
        at = 0
        for line in text.split("\n"):
            if line.strip():
                lines += 1
                found += at + len(line) - len(line.lstrip()) in starts
            at += len(line) + 1
        expected += len(starts)
    assert found == lines > 0
    assert expected < 1.05 * lines
