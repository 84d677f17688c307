"""Documents from dicts of plain JSON types, checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from jnrf_ext.documents.checks import check
from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.documents.mention_text import Offsets, agrees, disagreement, fragments_text
from jnrf_ext.documents.unread import count_unread, hold_annotations, told_names
from jnrf_ext.errors import InputError
from jnrf_ext.shown import kind_of, named, shown

_Made = TypeVar("_Made")

#: Scores are floats; a whole number may be none.
_MOST_NUMBER = 1e300
#: The fields of a document that hold annotations
ANNOTATIONS = (
    "mentions",
    "relations",
    "events",
    "equivalences",
    "attributes",
    "normalizations",
    "notes",
)


def document_from_dict(data: dict, offsets: str = "characters") -> Document:
    """Inverse of :func:`jnrf_ext.documents.dict_writer.document_to_dict`.

    Only ``id`` and ``text`` must be there. A mention whose ``text`` is not the one at its offsets
    gets that one, and is counted in ``Document.warnings``; so is each field that is not known.
    ``offsets`` is what the offsets count: "characters" (code points), "utf-16" or "utf-8" units.

    Raises :class:`InputError` naming the document and the field where something is missing, of a
    wrong type, out of the text's bounds, or points nowhere; and where the annotations are all in
    fields that are not known.
    """
    if not isinstance(data, dict) or not {"id", "text"} <= data.keys():
        found = f"; the fields are {told_names(data)}" if isinstance(data, dict) else ""
        raise InputError(
            'not a document: an object with at least "id" and "text" is needed; '
            f"`jnrf convert --to json` writes them{found}"
        )
    reader = _DictReader(data)
    document = Document(
        reader.string("id"),
        reader.string("text"),
        reader.items("mentions", _mention),
        reader.items("relations", _relation),
        reader.items("events", _event),
        reader.items("equivalences", _equivalence),
        reader.items("attributes", _attribute),
        reader.items("normalizations", _normalization),
        reader.items("notes", _note),
    )
    warnings = data.get("warnings", {})
    counts = isinstance(warnings, dict) and all(
        isinstance(kind, str) and _is_encodable(kind) and type(n) is int
        for kind, n in warnings.items()
    )
    if not counts:
        raise InputError(f"document {shown(document.id)!r}: warnings must map a kind to a count")
    document.warnings = Counter(warnings)
    _tell_unread(reader, document)
    claims = [(mention.fragments, mention.text) for mention in document.mentions if mention.text]
    _move(document, offsets)
    check(document, claims)
    _check_texts(document, claims)
    return document


def _tell_unread(reader: _DictReader, document: Document) -> None:
    """Count the fields that were not read; an error if all annotations are in such fields."""
    known = reader.known | {"warnings"}
    others = {name: value for name, value in reader.data.items() if name not in known}
    none_known = not any(name in reader.data for name in ANNOTATIONS)
    if none_known and (names := hold_annotations(others)):
        raise InputError(
            f"{reader.where}: no {', '.join(ANNOTATIONS[:2])} or other annotations where they are "
            f"expected, but fields that are not read: {told_names(names)}; rename them, or add "
            '"mentions": [] to go on without'
        )
    count_unread(others, document.warnings)
    document.warnings.update(reader.unread)


def _move(document: Document, offsets: str) -> None:
    """Make the fragments of all mentions count code points."""
    units = Offsets(document.text, offsets)
    for mention in document.mentions if offsets != "characters" else ():
        moved = units.characters(mention.fragments)
        if moved is None:
            raise InputError(
                f"document {shown(document.id)!r}: mention {named(mention.id)}: fragments "
                f"{shown(list(mention.fragments))} are not between characters of the text, counted "
                f"in {offsets.upper()} units; correct them, or name other units as --offsets"
            )
        mention.fragments = moved


def _check_texts(document: Document, claims: list[tuple]) -> None:
    """Count the mentions that claim another text than they have, and give them theirs."""
    text = document.text
    wrong = [m for m in document.mentions if m.text and not agrees(m.text, text, m.fragments)]
    if wrong:
        document.warnings[disagreement(text, claims)] += len(wrong)
    for mention in wrong:
        mention.text = fragments_text(text, mention.fragments)


class _DictReader:
    """Fields of one JSON object, checked as they are taken; errors say where it stands."""

    def __init__(self, data: dict, where: str = "") -> None:
        self.data = data
        self.where = where or f"document {_id_of(data)}"
        #: The names of the fields that were asked for
        self.known: set[str] = set()
        #: Fields of objects inside this one that were not
        self.unread: Counter[str] = Counter()

    def get(self, name: str, default: object = None) -> object:
        self.known.add(name)
        return self.data.get(name, default)

    def string(self, name: str, default: str | None = None) -> str:
        value = self.get(name, default)
        if not isinstance(value, str):
            raise InputError(f"{self.where}: {name} must be a string, not {kind_of(value)}")
        if not _is_encodable(value):
            raise InputError(f"{self.where}: {name} holds half a surrogate pair; mend the encoding")
        return value

    def optional(self, name: str) -> str | None:
        return None if self.get(name) is None else self.string(name)

    def number(self, name: str) -> float | None:
        value = self.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{self.where}: {name} must be a number, not {kind_of(value)}")
        if value is not None and not (abs(value) <= _MOST_NUMBER and math.isfinite(value)):
            raise InputError(f"{self.where}: {name} is not finite; leave it out instead")
        return value

    def sequence(self, name: str) -> list:
        value = self.get(name, [])
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {name} must be a list, not {kind_of(value)}")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        values = tuple(self.sequence(name))
        if not all(isinstance(v, str) and _is_encodable(v) for v in values):
            raise InputError(f"{self.where}: {name} must be a list of strings")
        return values

    def pairs(self, name: str, kind: type) -> tuple[tuple, ...]:
        values = self.sequence(name)
        for value in values:
            # type(), for True is an int to isinstance and no offset.
            if not isinstance(value, list | tuple) or [type(v) for v in value] != [kind, kind]:
                raise InputError(f"{self.where}: {name} must be pairs of {kind.__name__}")
            if kind is str and not all(map(_is_encodable, value)):
                raise InputError(
                    f"{self.where}: {name} hold half a surrogate pair; mend the encoding"
                )
        return tuple(tuple(value) for value in values)

    def items(self, name: str, make: Callable[[_DictReader], _Made]) -> list[_Made]:
        made = []
        for number, item in enumerate(self.sequence(name)):
            where = f"{self.where}: {name}[{number}]"
            if not isinstance(item, dict):
                raise InputError(f"{where} must be an object, not {kind_of(item)}")
            inner = _DictReader(item, where)
            made.append(make(inner))
            count_unread((n for n in item if n not in inner.known), self.unread, name)
        return made


def _id_of(data: dict) -> str:
    id = data.get("id")
    return repr(shown(id)) if isinstance(id, str) else f"with {kind_of(id)} for an id"


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _mention(item: _DictReader) -> Mention:
    fragments = item.pairs("fragments", int)
    return Mention(
        item.string("id"),
        item.string("type"),
        fragments,
        item.string("text", ""),
        item.number("score"),
    )


def _relation(item: _DictReader) -> Relation:
    return Relation(
        item.string("id"),
        item.string("type"),
        item.string("head"),
        item.string("tail"),
        item.number("score"),
        item.string("head_role", "Arg1"),
        item.string("tail_role", "Arg2"),
        item.optional("head_ref"),
        item.optional("tail_ref"),
    )


def _event(item: _DictReader) -> Event:
    arguments = item.pairs("arguments", str)
    return Event(item.string("id"), item.string("type"), item.string("trigger"), arguments)


def _equivalence(item: _DictReader) -> Equivalence:
    return Equivalence(item.string("type"), item.strings("members"))


def _attribute(item: _DictReader) -> Attribute:
    return Attribute(
        item.string("id"), item.string("type"), item.string("target"), item.optional("value")
    )


def _normalization(item: _DictReader) -> Normalization:
    return Normalization(
        item.string("id"),
        item.string("type"),
        item.string("target"),
        item.string("reference"),
        item.string("text", ""),
    )


def _note(item: _DictReader) -> Note:
    return Note(
        item.string("id"), item.string("type"), item.string("target"), item.string("text", "")
    )
