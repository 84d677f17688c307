"""Unknown wordpieces that hold a word and what stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
import tokenizers
from compositions import sentence_pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from jnrf_ext.text.tokenizer import Tokenizer
from jnrf_ext.text.unknown_words import cut_unknown

KNOWN = "this took aspirin for pain 5 mg a b"


def uncased() -> Tokenizer:
    return Tokenizer.train([KNOWN] * 20, 300)


def of_whole_texts() -> Tokenizer:
    made = tokenizers.Tokenizer.from_str(uncased().to_json())
    made.normalizer = normalizers.NFKC()
    return Tokenizer(made)


def of_words() -> Tokenizer:
    vocabulary = {"[UNK]": 0} | {word: i for i, word in enumerate(KNOWN.split(), 1)}
    made = tokenizers.Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return Tokenizer(made)


TOKENIZERS = {"uncased": uncased(), "whole texts": of_whole_texts(), "words": of_words()}


def shown(tokenizer: Tokenizer, text: str) -> list[tuple]:
    encoded = tokenizer.encode(text)
    pieces = tokenizer.pieces(encoded.ids)
    return [
        (piece, text[a:b]) for piece, a, b in zip(pieces, encoded.starts, encoded.ends, strict=True)
    ]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("💩this", ["[UNK] 💩", "this this"]),
        ("this💩", ["this this", "[UNK] 💩"]),
        ("💩👍🏽this", ["[UNK] 💩", "[UNK] 👍🏽", "this this"]),
        ("🇨🇭this", ["[UNK] 🇨🇭", "this this"]),
        ("°±this", ["[UNK] °±this"]),
        ("took→pain", ["took took", "[UNK] →", "pain pain"]),
        ("👩\u200d⚕\ufe0faspirin", ["[UNK] 👩\u200d⚕\ufe0f", "aspirin aspirin"]),
        ("さんaspirin", ["[UNK] さ", "[UNK] ん", "aspirin aspirin"]),
        ("ค่าที่pain", ["[UNK] ค่", "[UNK] า", "[UNK] ที่", "pain pain"]),
        # Words without anything beside them, and symbols of Latin text, are unknown as they were.
        ("ψυχή", ["[UNK] ψυχή"]),
        ("xyzψ", ["[UNK] xyzψ"]),
        ("°pain", ["[UNK] °pain"]),
        ("💩", ["[UNK] 💩"]),
    ],
)
def test_a_word_is_known_whatever_stands_beside_it(name, text, expected):
    assert [" ".join(pair) for pair in shown(TOKENIZERS[name], text)] == expected
    around = [" ".join(pair) for pair in shown(TOKENIZERS[name], f"took {text} pain")]
    assert around == ["took took", *expected, "pain pain"]


def test_other_models_give_each_part_the_unknown_wordpiece():
    tokenizer = sentence_pieces()
    unknown = tokenizer.pieces([tokenizer.unknown_id])[0]
    assert shown(tokenizer, "a💩xy")[-2:] == [(unknown, "💩"), (unknown, "xy")]


def test_the_reference_way_leaves_them():
    encoded = TOKENIZERS["uncased"].encode("💩this", words=True)
    assert encoded.ids.tolist() == [TOKENIZERS["uncased"].unknown_id]


def test_without_an_unknown_wordpiece_nothing_is_cut():
    columns = tuple(np.array(c, np.int32) for c in ([3], [0], [5]))
    assert cut_unknown("💩this", columns, None, None) is columns
    assert cut_unknown("💩this", columns, 0, None) is columns


_BESIDE = ["💩", "→", "さ", "中", "ที่", "🇨🇭", "👍🏽"]
beside = st.lists(st.sampled_from(_BESIDE), max_size=3).map("".join)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(st.lists(st.tuples(beside, st.sampled_from(KNOWN.split()), beside), max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_known_word_is_found_at_its_characters(name, parts):
    text = " ".join(before + word + after for before, word, after in parts)
    found = [pair for pair in shown(TOKENIZERS[name], text) if pair[0] != "[UNK]"]
    assert found == [(word, word) for _, word, _ in parts]
