"""Distinct words, their characters and their casing."""

from __future__ import annotations

import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.packing.word_shapes import CASINGS, CATEGORIES, NUM_CHARACTERS, word_shapes


def casing_of(word: str) -> str:
    """One word at a time, by the methods of str."""
    word = unicodedata.normalize("NFC", word)
    digits = sum(c.isdigit() for c in word)
    if word and digits == len(word):
        return "numeric"
    if 2 * digits > len(word):
        return "mainly numeric"
    lower = [c for c in word if c.islower()]
    upper = [c for c in word if c.isupper() or c.istitle()]
    if lower and not upper:
        return "all lower"
    if upper and not lower:
        return "all upper"
    if word[:1] in upper and word:
        return "initial upper"
    return "contains digit" if digits else "other"


@pytest.mark.parametrize(
    ("word", "casing"),
    [
        ("2018", "numeric"),
        ("12mg", "all lower"),
        ("100mg", "mainly numeric"),
        ("don't", "all lower"),
        ("INR", "all upper"),
        ("A", "all upper"),
        ("Warfarin", "initial upper"),
        ("Vitamin-B12", "initial upper"),
        ("pH7", "contains digit"),
        ("mRNA", "other"),
        ("--", "other"),
        ("", "other"),
        ("Ärzte", "initial upper"),
    ],
)
def test_words_fall_into_seven_casings(word, casing):
    assert CASINGS[int(word_shapes([word]).casing)] == casing
    assert len(CASINGS) == 7


@given(st.lists(st.text(max_size=8), max_size=12))
def test_each_distinct_word_comes_once_and_whole(words):
    shapes = word_shapes(words)
    distinct = list(dict.fromkeys(words))
    assert [distinct[i] for i in shapes.index.tolist()] == words
    assert shapes.bounds.diff().tolist() == [len(word) for word in distinct]
    assert [CASINGS[i] for i in shapes.casing.tolist()] == [casing_of(word) for word in distinct]
    alone = [word_shapes([word]).characters for word in distinct]
    assert torch.equal(torch.cat([shapes.characters[:0], *alone]), shapes.characters)


def test_printable_ascii_has_ids_of_its_own_and_the_rest_share_by_category():
    printable = "".join(map(chr, range(0x20, 0x7F)))
    ids = word_shapes([printable]).characters.tolist()
    assert len(set(ids)) == len(printable)
    lower = word_shapes(["éß"]).characters.tolist()
    assert lower[0] == lower[1]
    assert lower[0] not in ids
    # All there are, lone surrogates too.
    every = "".join(map(chr, range(0x110000)))
    ids = word_shapes([every]).characters
    assert (int(ids.min()), int(ids.max())) == (0, NUM_CHARACTERS - 1)
    assert set(CATEGORIES) == {unicodedata.category(c) for c in every}


def test_long_words_are_not_cut():
    assert len(word_shapes(["x" * 100_000, "y"]).characters) == 100_001


@given(st.lists(st.text(max_size=6), max_size=6))
def test_shapes_do_not_depend_on_how_letters_are_composed(texts):
    forms = [[unicodedata.normalize(form, text) for text in texts] for form in ("NFC", "NFD")]
    composed, taken_apart = map(word_shapes, forms)
    for column in ("characters", "bounds", "casing", "index"):
        assert torch.equal(getattr(composed, column), getattr(taken_apart, column))
