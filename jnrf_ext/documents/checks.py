"""Checks on a document that came from outside: the rest of the package relies on them."""

from __future__ import annotations

from collections import Counter

from jnrf_ext.documents.document import Document
from jnrf_ext.documents.mention_text import fitting_units, remedy
from jnrf_ext.errors import InputError
from jnrf_ext.shown import named, shown, the_id


def check(document: Document, claims: list[tuple]) -> None:
    """Raise :class:`InputError` unless offsets are inside the text, and ids unique and known.

    ``claims`` are the fragments and texts that the mentions came with.
    """
    where = f"document {shown(document.id)!r}"
    mentions = set()
    for mention in document.mentions:
        if not mention.fragments:
            raise InputError(
                f"{where}: mention {named(mention.id)} has no fragments; write "
                '"fragments": [[start, end]], as offsets in characters of the text'
            )
        flat = [offset for fragment in mention.fragments for offset in fragment]
        ordered = all(s < e for s, e in mention.fragments) and flat == sorted(flat)
        if not ordered or flat[0] < 0 or flat[-1] > len(document.text):
            units = fitting_units(document.text, claims)
            hint = f"; all fit as {units.upper()} units: {remedy(units)}" if units else ""
            raise InputError(
                f"{where}: mention {named(mention.id)}: fragments {shown(list(mention.fragments))} "
                f"are not in order inside the text of {len(document.text)} characters{hint}"
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
