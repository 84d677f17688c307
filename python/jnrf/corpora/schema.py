"""The label sets of a corpus, learnt from its documents."""

from __future__ import annotations

from collections.abc import Iterable

from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema


def learn_schema(documents: Iterable[Document]) -> Schema:
    """Entity types, relation types, and the (head type, tail type) pairs seen with each relation.

    "O" comes first, then B- and I- of each type in alphabetical order; "none" first among the
    relations. A corpus without relations gives a schema without relation types, for tagging alone.
    Raises :class:`InputError` when there is nothing to learn from: no document, or no mention.
    """
    entity_types: set[str] = set()
    arguments: dict[str, set[tuple[str, str]]] = {}
    count = 0
    for document in documents:
        count += 1
        type_of = {mention.id: mention.type for mention in document.mentions}
        entity_types.update(type_of.values())
        for relation in document.relations:
            pair = (type_of[relation.head], type_of[relation.tail])
            arguments.setdefault(relation.type, set()).add(pair)
    if not count:
        raise InputError("no documents to learn labels from; give a corpus that holds some")
    if not entity_types:
        held = "the one document" if count == 1 else f"any of the {count:,} documents"
        raise InputError(
            f"no mention in {held}, so there are no labels to learn; "
            "check that the .ann files are beside the .txt files and are not empty"
        )
    schema = Schema.from_types(
        sorted(entity_types), {name: sorted(pairs) for name, pairs in arguments.items()}
    )
    if schema.no_relation in arguments:
        raise InputError(
            f"a relation type is called {schema.no_relation!r}, the name of the class for no "
            "relation; rename it in the corpus"
        )
    return schema
