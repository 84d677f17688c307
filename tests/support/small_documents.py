"""A few words with drugs and their effects in them, annotated at will."""

from __future__ import annotations

from jnrf_ext.document import Document, Mention, Relation
from jnrf_ext.schema import Schema
from jnrf_ext.tokenizer import Tokenizer

SCHEMA = Schema.from_types(
    ["ADE", "Dosage", "Drug"], {"ADE-Drug": [("ADE", "Drug")], "Dosage-Drug": [("Dosage", "Drug")]}
)
TEXT = "severe skin rash from aspirin and ibuprofen 81 mg"


def train_tokenizer() -> Tokenizer:
    """A tokenizer that has every word of TEXT as one wordpiece."""
    return Tokenizer.train([TEXT] * 20, 400)


def document(*mentions, relations=(), text=TEXT, **annotations) -> Document:
    """Mentions as (type, words), or (type, words, words, ...) for several fragments."""
    found = []
    for number, (kind, *fragments) in enumerate(mentions, 1):
        spans = [(text.index(words), text.index(words) + len(words)) for words in fragments]
        found.append(Mention(f"T{number}", kind, tuple(spans)))
    related = [Relation(f"R{n}", *relation) for n, relation in enumerate(relations, 1)]
    return Document("note", text, found, related, **annotations)
