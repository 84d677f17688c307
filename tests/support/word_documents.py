"""Documents of words and single spaces with mentions on whole words, for formats of tokens."""

from __future__ import annotations

from hypothesis import strategies as st

from jnrf_ext.documents.document import Document, Mention, Relation

#: No white space, no control character; much else that may trouble a reader of lines.
_WORDS = st.text(
    st.characters(exclude_categories=("Z", "C")) | st.sampled_from('#\\"-,[]{}\U0001f48a'),
    min_size=1,
    max_size=5,
).filter(lambda word: word != "-DOCSTART-")
_TYPES = st.sampled_from(("Drug", "ADE", "co-morbidity", "B-X", "O"))


@st.composite
def word_documents(draw, overlaps: bool = True, relations: bool = True) -> Document:
    """One such document; mentions are distinct by place, in the order of their places."""
    words = draw(st.lists(_WORDS, max_size=8))
    text = " ".join(words)
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    document = Document(draw(st.sampled_from(("a", "note 7", "#x", "x-0001", "x-12"))), text)
    spans = st.integers(0, max(len(words) - 1, 0)).flatmap(
        lambda first: st.tuples(st.just(first), st.integers(first, max(len(words) - 1, 0)))
    )
    chosen = draw(st.lists(spans, max_size=4, unique=True)) if words else []
    taken: set[int] = set()
    for first, last in sorted(chosen):
        covered = set(range(first, last + 1))
        if not overlaps and taken & covered:
            continue
        taken |= covered
        start, end = starts[first], starts[last] + len(words[last])
        id = f"T{len(document.mentions) + 1}"
        document.mentions.append(Mention(id, draw(_TYPES), ((start, end),), text[start:end]))
    if relations and document.mentions:
        ids = st.sampled_from([mention.id for mention in document.mentions])
        triples = st.lists(
            st.tuples(ids, ids, st.sampled_from(("Treats", "Kill"))), max_size=3, unique=True
        )
        document.relations = [
            Relation(f"R{n}", type, head, tail)
            for n, (head, tail, type) in enumerate(draw(triples), 1)
        ]
    return document
