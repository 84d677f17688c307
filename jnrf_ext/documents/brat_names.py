"""Names and ids that brat can hold, in place of those that it cannot; columns need such names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

if TYPE_CHECKING:
    from jnrf_ext.documents.document import Document

_WORD = re.compile(r"\S+")
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
#: A kind of name that may hold words of a note
_REFERENCE = "reference"
_REFERENCES = "reference with white space (written with _)"
#: The letters that ids of each kind of annotation may start with
ID_LETTERS = {
    "mentions": "T",
    "relations": "R",
    "events": "E",
    "attributes": "AM",
    "normalizations": "N",
    "notes": "#",
}


def is_word(name: str) -> bool:
    """Whether a name is not empty and has no white space, as names in brat are."""
    return _WORD.fullmatch(name) is not None


def brat_name(name: str) -> str:
    """``name`` with ``_`` for each run of white space."""
    return _SPACES.sub("_", name)


def names_after_colons(document: Document) -> Iterator[str]:
    """The ids that events and relations name; a role ends at the last colon before them."""
    for event in document.events:
        yield event.trigger
        yield from (ref for _, ref in event.arguments)
    for relation in document.relations:
        yield relation.head_ref or relation.head
        yield relation.tail_ref or relation.tail


def _names(document: Document) -> Iterator[tuple[str, str]]:
    """The names of a document, each after its kind; names of one kind must stay apart."""
    yield from (("entity type", m.type) for m in document.mentions)
    for relation in document.relations:
        yield "relation type", relation.type
        yield from (("role", role) for role in (relation.head_role, relation.tail_role))
    for event in document.events:
        yield "event type", event.type
        yield from (("role", role) for role, _ in event.arguments)
    yield from (("relation type", e.type) for e in document.equivalences)
    yield from (("attribute type", a.type) for a in document.attributes)
    for entry in document.normalizations:
        yield "normalization type", entry.type
        yield _REFERENCE, entry.reference
    yield from (("note type", n.type) for n in document.notes)


class BratNames:
    """Gives documents names and ids that brat can hold, and counts what it changed, by kind.

    White space in a type, a role or a reference becomes ``_``, alike in every document; an id that
    does not start with its kind's letter, or has white space or a colon where that has a meaning,
    gets the next free number of its document. Two names that would become one are an
    :class:`InputError`, if need be of two documents. One object serves a whole corpus.
    """

    def __init__(self, names: Iterable[tuple[str, str]] = ()) -> None:
        """``names`` are (kind, name) to be kept apart from the start, such as a model's labels."""
        self.changed: Counter[str] = Counter()
        self._given: dict[tuple[str, str], str] = {}
        for kind, name in names:
            self._fitting(kind, name)

    def fit(self, document: Document) -> Document:
        """The document itself where brat can hold it, else a copy that brat can hold."""
        # A set: few names stand on many annotations.
        names = set(_names(document))
        if any([self._fitting(kind, name) != name for kind, name in names]):
            document = self._with_names(document)
        ids = self._new_ids(document)
        return _with_ids(document, ids) if ids else document

    def _fitting(self, kind: str, name: str) -> str:
        made = brat_name(name)
        given = self._given.setdefault((kind, made), name)
        if given != name:
            both = f"{kind}s {shown(given)!r} and {shown(name)!r}"
            raise InputError(
                f"{'two references' if kind == _REFERENCE else f'the {both}'} would become one, "
                "for names have no white space there; rename one of them"
            )
        return made

    def name(self, kind: str, name: str) -> str:
        """One name as it is written, counted if that is another; ``kind`` as in "entity type"."""
        made = self._fitting(kind, name)
        if made != name:
            told = f"{kind} {shown(name)!r} (written {shown(made)})"
            self.changed[_REFERENCES if kind == _REFERENCE else told] += 1
        return made

    def _with_names(self, document: Document) -> Document:
        name = self.name
        relations = [
            replace(
                r,
                type=name("relation type", r.type),
                head_role=name("role", r.head_role),
                tail_role=name("role", r.tail_role),
            )
            for r in document.relations
        ]
        events = [
            replace(
                e,
                type=name("event type", e.type),
                arguments=tuple((name("role", role), ref) for role, ref in e.arguments),
            )
            for e in document.events
        ]
        normalizations = [
            replace(
                n,
                type=name("normalization type", n.type),
                reference=name(_REFERENCE, n.reference),
            )
            for n in document.normalizations
        ]
        return replace(
            document,
            mentions=self._typed("entity type", document.mentions),
            relations=relations,
            events=events,
            equivalences=self._typed("relation type", document.equivalences),
            attributes=self._typed("attribute type", document.attributes),
            normalizations=normalizations,
            notes=self._typed("note type", document.notes),
        )

    def _typed(self, kind: str, items: list) -> list:
        return [replace(item, type=self.name(kind, item.type)) for item in items]

    def _new_ids(self, document: Document) -> dict[str, str]:
        """New ids by old ones, for those that need one; ids are unique over all kinds."""
        named = set(names_after_colons(document))
        taken = {item.id for kind in ID_LETTERS for item in getattr(document, kind)}
        numbers = (int(id[1:]) for id in taken if _NUMBER.fullmatch(id[1:]))
        following = max(numbers, default=0) + 1
        new: dict[str, str] = {}
        for kind, letters in ID_LETTERS.items():
            for item in getattr(document, kind):
                fits = item.id.startswith(tuple(letters)) and is_word(item.id)
                if fits and not (":" in item.id and item.id in named):
                    continue
                new[item.id] = f"{letters[0]}{following}"
                following += 1
        self.changed["id that brat cannot hold (numbered anew)"] += len(new)
        return new


def _with_ids(document: Document, new: dict[str, str]) -> Document:
    """The document with new ids in place of old ones, wherever they stand."""

    def moved(ref: str) -> str:
        return new.get(ref, ref)

    return replace(
        document,
        mentions=[replace(m, id=moved(m.id)) for m in document.mentions],
        relations=[
            replace(
                r,
                id=moved(r.id),
                head=moved(r.head),
                tail=moved(r.tail),
                head_ref=None if r.head_ref is None else moved(r.head_ref),
                tail_ref=None if r.tail_ref is None else moved(r.tail_ref),
            )
            for r in document.relations
        ],
        events=[
            replace(
                e,
                id=moved(e.id),
                trigger=moved(e.trigger),
                arguments=tuple((role, moved(ref)) for role, ref in e.arguments),
            )
            for e in document.events
        ],
        equivalences=[
            replace(e, members=tuple(moved(ref) for ref in e.members))
            for e in document.equivalences
        ],
        attributes=[
            replace(a, id=moved(a.id), target=moved(a.target)) for a in document.attributes
        ],
        normalizations=[
            replace(n, id=moved(n.id), target=moved(n.target)) for n in document.normalizations
        ],
        notes=[replace(n, id=moved(n.id), target=moved(n.target)) for n in document.notes],
    )
