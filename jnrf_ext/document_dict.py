"""Documents as dicts of plain JSON types, and back, checked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from jnrf_ext.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.errors import InputError
from jnrf_ext.shown import kind_of, named, shown, the_id

#: Scores are floats; a whole number may be none.
_MOST_NUMBER = 1e300


def document_to_dict(document: Document) -> dict:
    """Plain JSON types; :func:`document_from_dict` is the inverse. Unset fields are left out."""
    return {
        "id": document.id,
        "text": document.text,
        "mentions": [
            _compact(id=m.id, type=m.type, fragments=[list(f) for f in m.fragments], text=m.text)
            | _compact(score=m.score)
            for m in document.mentions
        ],
        "relations": [
            _compact(
                id=r.id,
                type=r.type,
                head=r.head,
                tail=r.tail,
                score=r.score,
                head_role=None if r.head_role == "Arg1" else r.head_role,
                tail_role=None if r.tail_role == "Arg2" else r.tail_role,
                head_ref=r.head_ref,
                tail_ref=r.tail_ref,
            )
            for r in document.relations
        ],
        "events": [
            {
                "id": e.id,
                "type": e.type,
                "trigger": e.trigger,
                "arguments": [list(argument) for argument in e.arguments],
            }
            for e in document.events
        ],
        "equivalences": [
            {"type": e.type, "members": list(e.members)} for e in document.equivalences
        ],
        "attributes": [
            _compact(id=a.id, type=a.type, target=a.target, value=a.value)
            for a in document.attributes
        ],
        "normalizations": [
            {"id": n.id, "type": n.type, "target": n.target, "reference": n.reference}
            | {"text": n.text}
            for n in document.normalizations
        ],
        "notes": [
            {"id": n.id, "type": n.type, "target": n.target, "text": n.text} for n in document.notes
        ],
        "warnings": dict(document.warnings),
    }


def _compact(**fields: object) -> dict:
    return {name: value for name, value in fields.items() if value is not None}


def document_from_dict(data: dict) -> Document:
    """Inverse of :func:`document_to_dict`.

    Only ``id`` and ``text`` must be there. Raises :class:`InputError` naming the document and the
    field where something is missing, of a wrong type, out of the text's bounds, or points nowhere.
    """
    if not isinstance(data, dict) or not {"id", "text"} <= data.keys():
        raise InputError(
            'not a document: an object with at least "id" and "text" is needed; '
            "`jnrf convert --to json` writes them"
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
    _check(document)
    return document


class _DictReader:
    """Fields of one JSON object, checked as they are taken; errors say where it stands."""

    def __init__(self, data: dict, where: str = "") -> None:
        self.data = data
        self.where = where or f"document {_id_of(data)}"

    def string(self, name: str, default: str | None = None) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str):
            raise InputError(f"{self.where}: {name} must be a string, not {kind_of(value)}")
        if not _is_encodable(value):
            raise InputError(f"{self.where}: {name} holds half a surrogate pair; mend the encoding")
        return value

    def optional(self, name: str) -> str | None:
        return None if self.data.get(name) is None else self.string(name)

    def number(self, name: str) -> float | None:
        value = self.data.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{self.where}: {name} must be a number, not {kind_of(value)}")
        if value is not None and not (abs(value) <= _MOST_NUMBER and math.isfinite(value)):
            raise InputError(f"{self.where}: {name} is not finite; leave it out instead")
        return value

    def list(self, name: str) -> list:
        value = self.data.get(name, [])
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {name} must be a list, not {kind_of(value)}")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        values = tuple(self.list(name))
        if not all(isinstance(v, str) and _is_encodable(v) for v in values):
            raise InputError(f"{self.where}: {name} must be a list of strings")
        return values

    def pairs(self, name: str, kind: type) -> tuple[tuple, ...]:
        values = self.list(name)
        for value in values:
            # type(), for True is an int to isinstance and no offset.
            if not isinstance(value, list | tuple) or [type(v) for v in value] != [kind, kind]:
                raise InputError(f"{self.where}: {name} must be pairs of {kind.__name__}")
            if kind is str and not all(map(_is_encodable, value)):
                raise InputError(
                    f"{self.where}: {name} hold half a surrogate pair; mend the encoding"
                )
        return tuple(tuple(value) for value in values)

    def items(self, name: str, make: Callable[[_DictReader], object]) -> list:
        made = []
        for number, item in enumerate(self.list(name)):
            where = f"{self.where}: {name}[{number}]"
            if not isinstance(item, dict):
                raise InputError(f"{where} must be an object, not {kind_of(item)}")
            made.append(make(_DictReader(item, where)))
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


def _check(document: Document) -> None:
    """What the rest of the package relies on: offsets inside the text, ids unique and known."""
    where = f"document {shown(document.id)!r}"
    mentions = set()
    for mention in document.mentions:
        flat = [offset for fragment in mention.fragments for offset in fragment]
        ordered = all(s < e for s, e in mention.fragments) and flat == sorted(flat)
        if not flat or not ordered or flat[0] < 0 or flat[-1] > len(document.text):
            raise InputError(
                f"{where}: mention {named(mention.id)}: fragments {shown(list(mention.fragments))} "
                f"are not in order inside the text of {len(document.text)} characters"
            )
        if mention.id in mentions:
            raise InputError(f"{where}: two mentions have {the_id(mention.id)}; make ids unique")
        mentions.add(mention.id)
    for relation in document.relations:
        for end in (relation.head, relation.tail):
            if end not in mentions:
                raise InputError(
                    f"{where}: relation {named(relation.id)} joins {named(end)}, "
                    "which no mention is"
                )
    _check_references(document, mentions, where)


def _check_references(document: Document, mentions: set[str], where: str) -> None:
    """Every other annotation is of one that is there, and no two have one id."""
    events = {event.id for event in document.events}
    joined = mentions | events
    related = joined | {relation.id for relation in document.relations}
    described = related | {
        item.id for items in (document.attributes, document.normalizations) for item in items
    }
    references = [
        *(("event", event.id, event.trigger, mentions) for event in document.events),
        *(("event", e.id, ref, joined) for e in document.events for _, ref in e.arguments),
        *(
            ("relation", relation.id, ref, events)
            for relation in document.relations
            for ref in (relation.head_ref, relation.tail_ref)
            if ref is not None
        ),
        *(("equivalence", "*", ref, joined) for e in document.equivalences for ref in e.members),
        *(("attribute", a.id, a.target, related) for a in document.attributes),
        *(("normalization", n.id, n.target, related) for n in document.normalizations),
        *(("note", n.id, n.target, described) for n in document.notes),
    ]
    for kind, id, ref, known in references:
        if ref not in known:
            raise InputError(
                f"{where}: {kind} {named(id)} refers to {named(ref)}, which is no annotation that "
                "it can refer to"
            )
    kinds = (
        document.mentions,
        document.relations,
        document.events,
        document.attributes,
        document.normalizations,
        document.notes,
    )
    for id, count in Counter(item.id for items in kinds for item in items).items():
        if count > 1:
            raise InputError(f"{where}: {count} annotations have {the_id(id)}; make ids unique")
