"""The document object that every reader produces and every writer takes.

Character offsets count Unicode code points of :attr:`Document.text`, half open, and always refer
to the original text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Mention:
    """A mention of an entity: one or several fragments of the text, and a type."""

    id: str
    type: str
    fragments: tuple[tuple[int, int], ...]
    text: str = ""
    score: float | None = None

    @property
    def start(self) -> int:
        """First character of the hull of the fragments."""
        return self.fragments[0][0]

    @property
    def end(self) -> int:
        """One past the last character of the hull of the fragments."""
        return self.fragments[-1][1]


@dataclass(slots=True)
class Relation:
    """A typed, directed relation between two mentions, named by their ids.

    ``head_ref`` and ``tail_ref`` keep what the file said where that was an event (``E3``) rather
    than the mention it resolves to, and the role names keep what stood before the colon.
    """

    id: str
    type: str
    head: str
    tail: str
    score: float | None = None
    head_role: str = "Arg1"
    tail_role: str = "Arg2"
    head_ref: str | None = None
    tail_ref: str | None = None


@dataclass(slots=True)
class Event:
    """A brat event: a trigger mention and its arguments, (role, id of a mention or an event)."""

    id: str
    type: str
    trigger: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Equivalence:
    """A brat ``*`` line: an unordered relation among any number of annotations."""

    type: str
    members: tuple[str, ...]


@dataclass(slots=True)
class Attribute:
    """A brat ``A`` (or ``M``) line: a flag, or a value, on another annotation."""

    id: str
    type: str
    target: str
    value: str | None = None


@dataclass(slots=True)
class Normalization:
    """A brat ``N`` line: an annotation's entry in an outside resource."""

    id: str
    type: str
    target: str
    reference: str
    text: str = ""


@dataclass(slots=True)
class Note:
    """A brat ``#`` line: a free comment on another annotation."""

    id: str
    type: str
    target: str
    text: str = ""


@dataclass(slots=True)
class Document:
    """A text and what is annotated in it."""

    id: str
    text: str
    mentions: list[Mention] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    equivalences: list[Equivalence] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    normalizations: list[Normalization] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    #: What a reader had to count rather than keep (by kind), e.g. malformed lines.
    warnings: Counter[str] = field(default_factory=Counter)

    def to_brat(self) -> str:
        """The .ann file of this document (:func:`jnrf_ext.documents.standoff.to_brat`)."""
        from jnrf_ext.documents.standoff import to_brat

        return to_brat(self)

    def to_dict(self) -> dict:
        """Plain JSON types (:func:`jnrf_ext.documents.dict_writer.document_to_dict`)."""
        from jnrf_ext.documents.dict_writer import document_to_dict

        return document_to_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """:meth:`to_dict` as JSON text."""
        import json

        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def __str__(self) -> str:
        from jnrf_ext.documents.standoff import describe

        return describe(self)
