"""Examples cut into parts: nothing of them is lost, and nothing that belongs together is parted."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_documents import SCHEMA, any_document, train_tokenizer

from jnrf.data.batches import pack
from jnrf.data.examples import ExampleOptions, encode_document
from jnrf.data.parts import split_at_segments, split_into_parts
from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer()


def rows_config(**settings) -> JNRFConfig:
    return JNRFConfig(hidden_size=2, schema=SCHEMA, **settings)


@given(any_document(), st.sampled_from(["wordpiece", "word", "token"]), st.booleans())
@settings(deadline=None)
def test_the_sentences_of_an_example_put_together_are_the_example(
    tokenizer, doc, units, characters
):
    config = rows_config(units=units, segments="sentence", character_size=2 * characters)
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    if not len(example):
        return
    parts = split_at_segments(example)
    assert len(parts) == len(example.outline.segments)
    whole, together = pack([example]), pack(parts)
    _check_together(example, parts)
    for name in ("cu_segments", "cu_segment_pieces"):
        assert torch.equal(getattr(whole.layout, name), getattr(together.layout, name))
    assert not len(together.pairs)


@given(
    any_document(),
    st.sampled_from(["wordpiece", "word", "token"]),
    st.sampled_from(["document", "sentence"]),
    st.sampled_from(["first", "all"]),
    st.integers(1, 12),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_the_parts_of_an_example_lose_nothing_of_it(
    tokenizer, doc, units, segments, pair_tokens, tokens, mentions
):
    config = rows_config(units=units, segments=segments, character_size=2)
    options = ExampleOptions(pair_tokens=pair_tokens)
    example = encode_document(doc, tokenizer, SCHEMA, options, config)
    if not len(example):
        return
    parts = split_into_parts(example, tokens, mentions)
    assert all(len(part) >= tokens and len(part.spans) >= mentions for part in parts[:-1])
    together = pack(parts)
    _check_together(example, parts)
    assert sorted(together.pairs.tolist()) == sorted(example.pairs.tolist())
    starts = together.layout.cu_rows[:-1].tolist()
    if segments == "sentence":
        assert {*starts} <= {*example.outline.segments.tolist()}
        assert torch.equal(together.layout.cu_segments, pack([example]).layout.cu_segments)
    else:
        assert torch.equal(together.layout.cu_segments, together.layout.cu_rows)


def test_parts_end_between_sentences_that_no_relation_joins(tokenizer):
    text = "Rash from aspirin. Rash is worse. Aspirin again. Rash too."
    places = [("ADE", 0, 4), ("Drug", 10, 17), ("ADE", 19, 23), ("Drug", 34, 41), ("ADE", 49, 53)]
    mentions = [Mention(f"T{n}", kind, ((a, b),)) for n, (kind, a, b) in enumerate(places)]
    doc = Document("1", text, mentions, [Relation("R1", "ADE-Drug", "T2", "T3")])
    example = encode_document(doc, tokenizer, SCHEMA)

    def cut(tokens: int, mentions: int = 0) -> list[str]:
        parts = split_into_parts(example, tokens, mentions)
        return [text[part.outline.starts[0] : part.outline.ends[-1]] for part in parts]

    first, second, third = "Rash from aspirin.", "Rash is worse. Aspirin again.", "Rash too."
    assert cut(1) == cut(1, 2) == [first, second, third]
    assert cut(1, 3) == [f"{first} {second}", third]
    assert cut(1, 5) == cut(len(example)) == [text]


def _check_together(example, parts):
    """Packed one after another, the parts are the example, but for segments and pairs."""
    whole, together = pack([example]), pack(parts)
    for name in ("input_ids", "surface", "tags"):
        assert torch.equal(getattr(whole, name), getattr(together, name))
    if whole.layout.pieces is not None:
        assert torch.equal(whole.layout.pieces, together.layout.pieces)
    if whole.layout.shapes is not None:
        assert torch.equal(whole.layout.shapes.index, together.layout.shapes.index)
    spans = [
        (kind, first + shift, last + shift)
        for part, shift in zip(parts, together.layout.cu_rows.tolist(), strict=False)
        for kind, first, last in part.spans
    ]
    assert spans == example.spans
