"""Documents as dicts of plain JSON types, and back, checked."""

from __future__ import annotations

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
    if not isinstance(warnings, dict) or not all(isinstance(n, int) for n in warnings.values()):
        raise InputError(f"document {document.id!r}: warnings must map a kind to a count")
    document.warnings = Counter(warnings)
    _check(document)
    return document


class _DictReader:
    """Fields of one JSON object, checked as they are taken; errors say where it stands."""

    def __init__(self, data: dict, where: str = "") -> None:
        self.data = data
        self.where = where or f"document {data.get('id')!r}"

    def string(self, name: str, default: str | None = None) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str):
            raise InputError(f"{self.where}: {name} must be a string, not {value!r:.60}")
        if not _is_encodable(value):
            raise InputError(f"{self.where}: {name} holds half a surrogate pair; mend the encoding")
        return value

    def optional(self, name: str) -> str | None:
        return None if self.data.get(name) is None else self.string(name)

    def number(self, name: str) -> float | None:
        value = self.data.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"{self.where}: {name} must be a number, not {value!r:.60}")
        return value

    def list(self, name: str) -> list:
        value = self.data.get(name, [])
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {name} must be a list, not {value!r:.60}")
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
        return tuple(tuple(value) for value in values)

    def items(self, name: str, make: Callable[[_DictReader], object]) -> list:
        made = []
        for number, item in enumerate(self.list(name)):
            where = f"{self.where}: {name}[{number}]"
            if not isinstance(item, dict):
                raise InputError(f"{where} must be an object, not {item!r:.60}")
            made.append(make(_DictReader(item, where)))
        return made


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
    where = f"document {document.id!r}"
    mentions = set()
    for mention in document.mentions:
        flat = [offset for fragment in mention.fragments for offset in fragment]
        ordered = all(s < e for s, e in mention.fragments) and flat == sorted(flat)
        if not flat or not ordered or flat[0] < 0 or flat[-1] > len(document.text):
            raise InputError(
                f"{where}: mention {mention.id}: fragments {list(mention.fragments)} are not in "
                f"order inside the text of {len(document.text)} characters"
            )
        if mention.id in mentions:
            raise InputError(f"{where}: two mentions have the id {mention.id}; make ids unique")
        mentions.add(mention.id)
    for relation in document.relations:
        for end in (relation.head, relation.tail):
            if end not in mentions:
                raise InputError(
                    f"{where}: relation {relation.id} joins {end}, which no mention is"
                )
