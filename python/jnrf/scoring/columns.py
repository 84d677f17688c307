"""Annotations as columns of numbers, so that matching a corpus is a few array operations.

A scorer's own view of a document is an :class:`Annotations`: spans and links, nothing else. Both a
:class:`~jnrf_ext.documents.document.Document` and a file read in the official way become one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import numpy as np

from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError
from jnrf_ext.shown import named, shown, the_id

_Item = TypeVar("_Item", Mention, Relation)


@dataclass(slots=True)
class Annotations:
    """The spans (hulls of mentions) and links (relations) of one document, column by column.

    Rows are in file order; ``heads`` and ``tails`` are rows of the spans. Columns rather than an
    object an item: scoring is quick enough to run after every epoch.
    """

    name: str
    span_ids: list[str] = field(default_factory=list)
    span_types: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    link_ids: list[str] = field(default_factory=list)
    link_types: list[str] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    tails: list[int] = field(default_factory=list)


def from_document(document: Document, unique_ids: bool) -> Annotations:
    """The scorer's view of a document.

    Of several mentions (or relations) of one id the last stands in the first's place, or, with
    ``unique_ids``, they raise :class:`InputError`. A relation whose argument is no mention of the
    document raises :class:`InputError` either way.
    """
    mentions = _last_of_each_id(document, "mention", document.mentions, unique_ids)
    relations = _last_of_each_id(document, "relation", document.relations, unique_ids)
    row = {mention.id: number for number, mention in enumerate(mentions)}
    try:
        heads = [row[relation.head] for relation in relations]
        tails = [row[relation.tail] for relation in relations]
    except KeyError as error:
        unknown = error.args[0]
        culprit = next(r.id for r in relations if unknown in (r.head, r.tail))
        raise InputError(
            f"document {shown(document.id)}: relation {named(culprit)} names {named(unknown)}, "
            f"which is no mention of it; add the mention or drop the relation"
        ) from None
    return Annotations(
        name=document.id,
        span_ids=[m.id for m in mentions],
        span_types=[m.type for m in mentions],
        starts=[m.fragments[0][0] for m in mentions],
        ends=[m.fragments[-1][1] for m in mentions],
        link_ids=[r.id for r in relations],
        link_types=[r.type for r in relations],
        heads=heads,
        tails=tails,
    )


def _last_of_each_id(
    document: Document, kind: str, items: list[_Item], unique_ids: bool
) -> list[_Item]:
    by_id = {item.id: item for item in items}
    if len(by_id) == len(items):
        return items
    if unique_ids:
        [(twice, _)] = Counter(item.id for item in items).most_common(1)
        raise InputError(
            f"document {shown(document.id)}: more than one {kind} has {the_id(twice)}; "
            f"give each its own"
        )
    return list(by_id.values())


@dataclass(slots=True)
class Columns:
    """Spans or links of a corpus, one row an item, rows in document and file order; int64 [n] each.

    ``spans`` holds (type, start, end) columns: one such triple for mentions, head's and tail's for
    relations. ``ident`` is equal for items of one document whose ids are equal, which two items'
    are only if not ``unique_ids``.
    """

    doc: np.ndarray
    type: np.ndarray
    ident: np.ndarray
    unique_ids: bool
    spans: list[tuple[np.ndarray, np.ndarray, np.ndarray]]

    def __len__(self) -> int:
        return len(self.doc)


class Codes(dict):
    """A dict that numbers its keys in the order in which they are first asked for."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


def columns(corpus: Sequence[Annotations], codes: Codes) -> dict[str, Columns]:
    """The columns of a corpus's ``"mentions"`` and ``"relations"``; ``codes`` numbers the types."""
    span_type = _flat([codes[name] for name in document.span_types] for document in corpus)
    start = _flat(document.starts for document in corpus)
    end = _flat(document.ends for document in corpus)
    link_type = _flat([codes[name] for name in document.link_types] for document in corpus)
    return {
        "mentions": _columns(
            [document.span_ids for document in corpus], span_type, [(span_type, start, end)]
        ),
        "relations": _columns(
            [document.link_ids for document in corpus],
            link_type,
            [(span_type[rows], start[rows], end[rows]) for rows in argument_rows(corpus)],
        ),
    }


def argument_rows(corpus: Sequence[Annotations]) -> tuple[np.ndarray, np.ndarray]:
    """Heads and tails of a corpus's relations as rows of its mentions: int64 [relations] each."""
    sizes = [len(document.span_ids) for document in corpus]
    # Rows within a document become rows of the corpus by the number of spans before it.
    before = np.repeat(np.cumsum(sizes) - sizes, [len(document.heads) for document in corpus])
    return (
        before + _flat(document.heads for document in corpus),
        before + _flat(document.tails for document in corpus),
    )


def _columns(
    ids: list[list[str]],
    types: np.ndarray,
    spans: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Columns:
    sizes = [len(names) for names in ids]
    unique = all(len(set(names)) == len(names) for names in ids)
    ident = np.arange(len(types)) if unique else _flat(_numbered(names) for names in ids)
    return Columns(np.repeat(np.arange(len(ids)), sizes), types, ident, unique, spans)


def _numbered(names: list[str]) -> list[int]:
    codes = Codes()
    return [codes[name] for name in names]


def _flat(values: Iterable[Iterable[int]]) -> np.ndarray:
    return np.fromiter(chain.from_iterable(values), dtype=np.int64)
