"""A few words with drugs and their effects in them, annotated at will."""

from __future__ import annotations

from hypothesis import strategies as st

from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.schema import Schema
from jnrf_ext.text.tokenizer import Tokenizer

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


@st.composite
def any_document(draw) -> Document:
    """Any text, with mentions and relations of any kind at any place, even beyond its end."""
    text = draw(st.text(max_size=60))
    place = st.integers(-2, len(text) + 2)
    fragments = st.lists(st.tuples(place, place), max_size=3).map(tuple)
    types = st.sampled_from(["ADE", "Dosage", "Drug", "Gene"])
    shapes = draw(st.lists(st.tuples(types, fragments), max_size=6))
    mentions = [Mention(f"T{n}", kind, spans) for n, (kind, spans) in enumerate(shapes)]
    ids = st.integers(0, 6).map("T{}".format)
    kinds = st.sampled_from(["ADE-Drug", "Dosage-Drug", "treats"])
    triples = draw(st.lists(st.tuples(kinds, ids, ids), max_size=6))
    relations = [Relation(f"R{n}", *triple) for n, triple in enumerate(triples)]
    return Document("any", text, mentions, relations)
