"""The encoder over the characters and the casing of words."""

from __future__ import annotations

import pytest
import torch

from jnrf_ext.nn.inputs.word_shapes import WordShapeEncoder
from jnrf_ext.nn.recurrent import time_order
from jnrf_ext.packing.word_shapes import CASINGS, word_shapes


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
