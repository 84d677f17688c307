"""Wordpieces of white space or of no character, anywhere in a text, in whatever a model does."""

from __future__ import annotations

import itertools

import pytest
import torch
from compositions import byte_pieces, sentence_pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from jnrf_ext import JNRF, JNRFConfig, Schema
from jnrf_ext.config import UNITS
from jnrf_ext.packing.outline import outline

TOKENIZERS = {
    "bytes": byte_pieces(trim=False),
    "bytes, trimmed": byte_pieces(),
    "bytes of NFKC, trimmed": byte_pieces(normalizers.NFKC()),
    "as T5": sentence_pieces(),
    "as T5, spaces behind": sentence_pieces(prepend_scheme="never", split=False),
    "as XLNet": sentence_pieces(normalizers.NFKC(), prepend_scheme="first"),
}
TEXTS = [
    *("", " ", "   ", "\n \n", "\u3000", "\t"),
    *("ab ", " ab", "  a  b  ", "ab\n\n", "a \u00a0 b", "ab 1 mg. \n", "中 été  ", " .\u2028"),
]
SCHEMA = Schema.from_types(["Drug"], {"Of": [("Drug", "Drug")]})


def eager_model(tokenizer, **values) -> JNRF:
    """A model that finds mentions everywhere: a row begins one, or goes on with it."""
    torch.manual_seed(0)
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size,
        embedding_size=8,
        hidden_size=8,
        num_layers=1,
        mixing_windows=[0],
        schema=SCHEMA,
        **values,
    )
    model = JNRF(config, tokenizer).eval()
    with torch.no_grad():
        model.tag_head.output.bias[:] = torch.tensor([-50.0, 0.0, 0.0])
    return model


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    ("units", "crf", "segments", "behaviour"),
    [
        *itertools.product(UNITS, (False, True), ("document", "sentence"), ("standard",)),
        ("wordpiece", False, "document", "reference"),
    ],
)
def test_mentions_neither_begin_nor_end_in_white_space(name, units, crf, segments, behaviour):
    values = {"units": units, "crf": crf, "segments": segments, "behaviour": behaviour}
    model = eager_model(TOKENIZERS[name], **values)
    for text, document in zip(TEXTS, model.extract(TEXTS), strict=True):
        assert bool(document.mentions) <= bool(text.strip())
        if behaviour == "standard":
            assert bool(document.mentions) == bool(text.strip())
        for mention in document.mentions:
            assert mention.start < mention.end
            assert mention.text == text[mention.start : mention.end] == mention.text.strip()
        joined = {relation.head for relation in document.relations}
        joined |= {relation.tail for relation in document.relations}
        assert joined <= {mention.id for mention in document.mentions}
        document.to_brat()


spaces = st.text("ab1. \n\t\u3000é中", max_size=20)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(spaces)
@settings(max_examples=80, deadline=None)
def test_rows_have_no_white_space_at_their_ends_unless_they_have_nothing_else(name, text):
    encoded = TOKENIZERS[name].encode(text)
    for units in UNITS:
        rows = outline(text, encoded, JNRFConfig(units=units, segments="sentence"))
        assert (rows.starts[1:] >= rows.starts[:-1]).all()
        assert (rows.ends[1:] >= rows.ends[:-1]).all()
        for start, end in zip(rows.starts, rows.ends, strict=True):
            assert text[start:end].strip() in ("", text[start:end])
