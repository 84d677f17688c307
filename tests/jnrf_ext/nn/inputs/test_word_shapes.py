"""Distinct words, their characters and casing, and the encoder over them."""

from __future__ import annotations

import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.nn.inputs.word_shapes import (
    CASINGS,
    CATEGORIES,
    NUM_CHARACTERS,
    WordShapeEncoder,
    word_shapes,
)
from jnrf_ext.nn.recurrent import time_order


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


def test_a_word_is_encoded_alike_in_any_batch():
    torch.manual_seed(0)
    encoder = WordShapeEncoder(4).double()
    words = ["mg", "", "Warfarin", "mg", "5", "Ä"]
    together = encoder(word_shapes(words))
    assert together.shape == (6, encoder.out_features)
    for word, row in zip(words, together, strict=True):
        torch.testing.assert_close(encoder(word_shapes([word]))[0], row)


def test_a_word_is_the_last_states_of_both_directions_and_its_casing():
    torch.manual_seed(0)
    encoder = WordShapeEncoder(4)
    shapes = word_shapes(["abc"])
    _, last = encoder.recurrent.rnn(encoder.embedding(shapes.characters))
    row = encoder(shapes, time_order(shapes.bounds))[0]
    torch.testing.assert_close(row[:8], last.flatten())
    assert row[8:].tolist() == [float(name == "all lower") for name in CASINGS]


@given(st.lists(st.text(max_size=6), max_size=6))
def test_shapes_do_not_depend_on_how_letters_are_composed(texts):
    forms = [[unicodedata.normalize(form, text) for text in texts] for form in ("NFC", "NFD")]
    composed, taken_apart = map(word_shapes, forms)
    for column in ("characters", "bounds", "casing", "index"):
        assert torch.equal(getattr(composed, column), getattr(taken_apart, column))


@pytest.mark.parametrize("words", [[], [""], ["", ""]])
def test_words_without_characters_have_no_states(words):
    encoder = WordShapeEncoder(4)
    rows = encoder(word_shapes(words))
    assert rows.shape == (len(words), 15)
    assert not rows[:, :8].any()


def test_gradients_reach_all_parameters():
    torch.manual_seed(0)
    encoder = WordShapeEncoder(4)
    encoder(word_shapes(["abc", "de", "abc"])).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_it_works_under_autocast_and_on_another_device():
    encoder = WordShapeEncoder(4)
    with torch.autocast("cpu", torch.bfloat16):
        assert encoder(word_shapes(["abc"])).dtype == torch.float32
    moved = word_shapes(["abc"]).to("meta")
    assert moved.characters.device.type == moved.index.device.type == "meta"
    assert moved.bounds.device.type == "cpu"
