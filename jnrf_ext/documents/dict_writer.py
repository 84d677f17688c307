"""Documents as dicts of plain JSON types."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnrf_ext.documents.document import Document


def document_to_dict(document: Document) -> dict:
    """Plain JSON types, unset fields left out.

    :func:`jnrf_ext.documents.dict_reader.document_from_dict` is the inverse.
    """
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
