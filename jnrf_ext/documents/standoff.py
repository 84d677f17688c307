"""A document written down: brat standoff text, and a text to read.

The format is that of https://brat.nlplab.org/standoff.html. Reading brat back needs files and
their faults, which is ``jnrf.corpora.brat``; here is what a deployer needs to hand results on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jnrf_ext import _text
from jnrf_ext.documents.brat_names import ID_LETTERS, is_word, names_after_colons
from jnrf_ext.documents.mention_text import fragments_text, one_line
from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown, the_id

if TYPE_CHECKING:
    from jnrf_ext.documents.document import Document, Mention


def to_brat(document: Document) -> str:
    """The .ann file of a document, one annotation a line; empty for one without annotations.

    Kinds come in the order T, E, R, ``*``, A, N, ``#``, and within a kind as the document has
    them. Mention text is taken from the document by its offsets; ``Mention.text`` serves where the
    document has no text. Scores have no place in brat and are left out. Raises
    :class:`InputError` for a name or an id that brat cannot hold, rather than write a file that
    does not read back.
    """
    mentions = _text.mention_lines(document.text, document.mentions)
    relations = _text.relation_lines(document.relations)
    # None: a name that brat cannot hold. The names of other kinds are looked at here.
    if mentions is None or relations is None or _has_more(document):
        _check_names(document)
    if mentions is None or relations is None:
        raise InputError(f"document {shown(document.id)!r}: brat cannot hold a name or an id")
    lines = []
    for event in document.events:
        parts = [f"{event.type}:{event.trigger}", *(f"{r}:{ref}" for r, ref in event.arguments)]
        lines.append(f"{event.id}\t{' '.join(parts)}\n")
    lines.append(relations)
    for equivalence in document.equivalences:
        lines.append(f"*\t{' '.join((equivalence.type, *equivalence.members))}\n")
    for attribute in document.attributes:
        value = "" if attribute.value is None else f" {one_line(attribute.value)}"
        lines.append(f"{attribute.id}\t{attribute.type} {attribute.target}{value}\n")
    for entry in document.normalizations:
        tail_text = f"\t{one_line(entry.text)}" if entry.text else ""
        lines.append(f"{entry.id}\t{entry.type} {entry.target} {entry.reference}{tail_text}\n")
    for note in document.notes:
        tail_text = f"\t{one_line(note.text)}" if note.text else ""
        lines.append(f"{note.id}\t{note.type} {note.target}{tail_text}\n")
    return "".join((mentions, *lines))


def _has_more(document: Document) -> bool:
    """Whether a document has annotations that are neither mentions nor relations."""
    others = (document.events, document.equivalences, document.attributes)
    return any((*others, document.normalizations, document.notes))


def _check_names(document: Document) -> None:
    kinds = {kind: getattr(document, kind) for kind in ID_LETTERS}
    where = f"document {shown(document.id)!r}"
    remedy = (
        "jnrf_ext.documents.brat_names.BratNames().fit(document) gives others, as jnrf convert does"
    )
    for kind, items in kinds.items():
        starts = ID_LETTERS[kind]
        for item in items:
            if item.id[:1] not in starts or not is_word(item.id):
                raise InputError(
                    f"{where}: brat cannot hold {the_id(item.id)}; it must start with "
                    f"{' or '.join(starts)} and have no white space; {remedy}"
                )
    names = {item.type for items in (*kinds.values(), document.equivalences) for item in items}
    roles = {role for event in document.events for role, _ in event.arguments}
    roles.update(role for r in document.relations for role in (r.head_role, r.tail_role))
    # A role ends at the last colon before the id that it names.
    for ref in names_after_colons(document):
        if not is_word(ref) or ":" in ref:
            raise InputError(
                f"{where}: brat cannot hold {the_id(ref)} in an event or relation; ids "
                f"there have no colon; {remedy}"
            )
    for entry in document.normalizations:
        if not is_word(entry.reference):
            raise InputError(
                f"{where}: brat cannot hold a reference of {len(entry.reference):,} characters; "
                f"references there have no white space; {remedy}"
            )
    for name in sorted(names | roles):
        if not is_word(name):
            raise InputError(
                f"{where}: brat cannot hold the name {shown(name)!r}; names there are not empty "
                f"and have no white space; {remedy if name else 'name it'}"
            )


def describe(document: Document, width: int = 60) -> str:
    """Mentions and relations of a document as lines to read; long texts are cut at ``width``."""
    lines = [
        f"{document.id or 'document'}: {len(document.text):,} characters, "
        f"{len(document.mentions)} mentions, {len(document.relations)} relations"
    ]
    by_id = {mention.id: mention for mention in document.mentions}
    for mention in document.mentions:
        spans = ";".join(f"{start}-{end}" for start, end in mention.fragments)
        said = _said(document, mention, width)
        lines.append(f"  {mention.type} {said!r} {spans}{_score(mention.score)}")
    for relation in document.relations:
        head, tail = (
            _said(document, by_id[end], width) if end in by_id else end
            for end in (relation.head, relation.tail)
        )
        lines.append(f"  {relation.type}: {head!r} -> {tail!r}{_score(relation.score)}")
    return "\n".join(lines)


def _said(document: Document, mention: Mention, width: int) -> str:
    said = mention.text or fragments_text(document.text, mention.fragments)
    said = re.sub(r"\s+", " ", said).strip()
    return said if len(said) <= width else said[: width - 1] + "…"


def _score(score: float | None) -> str:
    return "" if score is None else f"  ({score:.2f})"
