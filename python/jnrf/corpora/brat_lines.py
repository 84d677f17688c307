"""The lines of a document's annotation files, parsed and checked, one against another and the text.

Two steps, because lines may come in any order: :meth:`AnnotationFile.__init__` takes the lines
apart, :meth:`AnnotationFile.fill` resolves what they refer to.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from jnrf.corpora.line_ends import split_lines
from jnrf.corpora.roles import head_by_name, parse_arguments
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
from jnrf_ext.documents.mention_text import fragments_text
from jnrf_ext.errors import InputError
from jnrf_ext.shown import named, shown

# Numbers of more digits than any text is long would be slow, or too long for int().
_SPANS = re.compile(r"\d{1,15} +\d{1,15}(?: *; *\d{1,15} +\d{1,15})*", re.ASCII)
#: BioNLP names the parts of a normalization: N1<tab>Type Annotation:T1 Referent:Source:id.
_TARGET, _REFERENCE = "Annotation:", "Referent:"
_FORMS = {
    "T": "T1<tab>Type 0 4<tab>text",
    "R": "R1<tab>Type Arg1:T1 Arg2:T2",
    "E": "E1<tab>Type:T1 Role:T2",
    "*": "*<tab>Type T1 T2",
    "A": "A1<tab>Type T1 value",
    "M": "M1<tab>Type T1",
    "N": "N1<tab>Type T1 Source:id<tab>text",
    "#": "#1<tab>Type T1<tab>text",
}


@dataclass(slots=True)
class MentionLine:
    """A T line as the file has it: fragments in the file's order, and the text it claims."""

    line: int
    id: str
    type: str
    fragments: list[tuple[int, int]]
    said: str


class FaultyLine(InputError):
    """A line of an annotation file that cannot be used; lines like it can be counted instead."""

    #: How ``jnrf inspect``, ``convert`` and ``evaluate`` spell the choice to count them
    COUNTED = "--on-error count"

    def spelled(self, choice: str) -> InputError:
        """This error as another command has it, where ``choice`` has such lines counted."""
        return InputError(str(self).replace(f"({self.COUNTED})", f"({choice})"))


class AnnotationFile:
    """The annotations of one document taken apart.

    ``files`` are their paths and contents: one .ann, or an .a1 and an .a2, whose lines are read as
    those of one file. ``on_error``: "raise", or "count" into ``document.warnings``.
    """

    def __init__(
        self, files: Sequence[tuple[Path, str]], document: Document, on_error: str
    ) -> None:
        self.document = document
        self.on_error = on_error
        self.mention_lines: list[MentionLine] = []
        # Lines are numbered through all files.
        self.lines: list[tuple[int, str]] = []
        self.seen: dict[str, int] = {}
        self.paths = [path for path, _ in files]
        contents = [split_lines(content) for _, content in files]
        self.ends = list(accumulate(map(len, contents)))
        for number, line in enumerate((line for lines in contents for line in lines), 1):
            if line.startswith("T"):
                self._take_mention(number, line)
            elif line and not line.isspace():
                self.lines.append((number, line))

    def place(self, number: int) -> tuple[Path, int]:
        """The file of a line, and the line's number there."""
        file = bisect_right(self.ends, number - 1)
        return self.paths[file], number - (self.ends[file - 1] if file else 0)

    def fault(self, number: int, kind: str, what: str, remedy: str) -> None:
        """Raise, or count under ``kind`` what makes line ``number`` unusable."""
        if self.on_error == "raise":
            path, line = self.place(number)
            raise FaultyLine(
                f"{path}:{line}: {what}; {remedy}, or have such lines counted "
                f"({FaultyLine.COUNTED})"
            )
        self.document.warnings[kind] += 1

    def _malformed(self, number: int, line: str) -> None:
        what = f"malformed {line[0]} line of {len(line):,} characters"
        self.fault(number, f"malformed {line[0]} line", what, f"write {_FORMS[line[0]]}")

    def _is_new(self, number: int, id: str) -> bool:
        if id in self.seen:
            path, line = self.place(self.seen[id])
            other = "" if path == self.place(number)[0] else f" of {path.name}"
            what = f"{named(id)} is that of line {line}{other} already"
            self.fault(number, "duplicate id (the first is kept)", what, "give it another number")
            return False
        self.seen[id] = number
        return True

    def _take_mention(self, number: int, line: str) -> None:
        fields = line.split("\t", 2)
        type, _, spans = fields[1].partition(" ") if len(fields) == 3 else ("", "", "")
        if not _is_name(fields[0]) or not _is_name(type) or not _SPANS.fullmatch(spans.strip(" ")):
            return self._malformed(number, line)
        if self._is_new(number, fields[0]):
            fragments = [(int(a), int(b)) for a, b in map(str.split, spans.split(";"))]
            self.mention_lines.append(MentionLine(number, fields[0], type, fragments, fields[2]))

    def agreement(self, text: str) -> int:
        """How many mentions say what ``text`` has at their offsets, white space aside."""
        return sum(_agrees(mention, text) for mention in self.mention_lines)

    def fill(self, on_mismatch: str) -> None:
        """Check everything against ``document.text`` and put it into the document."""
        for mention in self.mention_lines:
            self._add_mention(mention, on_mismatch)
        self.mention_ids = {mention.id for mention in self.document.mentions}
        self.triggers: dict[str, str] = {}
        # Each step may refer to what the steps before it have kept: comments come last.
        self._add_all({"E": self._add_event})
        self._drop_events_that_point_nowhere()
        self.known = {*self.mention_ids, *self.triggers}
        self._add_all({"R": self._add_relation, "*": self._add_equivalence})
        self.known.update(relation.id for relation in self.document.relations)
        self._add_all(
            {"A": self._add_attribute, "M": self._add_attribute, "N": self._add_normalization}
        )
        self.known.update(attribute.id for attribute in self.document.attributes)
        self.known.update(entry.id for entry in self.document.normalizations)
        self._add_all({"#": self._add_note})
        for number, line in self.lines:
            if line[0] not in _FORMS:
                what = "the line is of no kind that brat has"
                remedy = f"a line starts with one of {' '.join(_FORMS)}"
                self.fault(number, "line of an unknown kind", what, remedy)

    def _add_all(self, adders: dict[str, Callable[[int, str], None]]) -> None:
        for number, line in self.lines:
            if line[0] in adders:
                adders[line[0]](number, line)

    def _add_mention(self, mention: MentionLine, on_mismatch: str) -> None:
        text = self.document.text
        ordered = sorted(mention.fragments)
        flat = [offset for fragment in ordered for offset in fragment]
        if any(s >= e for s, e in ordered) or flat != sorted(flat) or flat[-1] > len(text):
            what = (
                f"offsets {shown(_spans(mention.fragments))} of {named(mention.id)} are not spans "
                f"inside the text of {len(text)} characters"
            )
            remedy = "start < end <= length, fragments apart, counted in characters from 0"
            return self.fault(mention.line, "bad offsets", what, remedy)
        if not _agrees(mention, text):
            has = fragments_text(text, mention.fragments)
            if on_mismatch == "raise":
                path, line = self.place(mention.line)
                raise InputError(
                    f"{path}:{line}: {named(mention.id)} says something else "
                    f"({len(mention.said):,} characters) than the text has at "
                    f"{shown(_spans(mention.fragments))} ({len(has):,}); mend the offsets"
                )
            self.document.warnings["mention text disagrees with the text (offsets are kept)"] += 1
        if ordered != mention.fragments:
            self.document.warnings["fragments out of order (sorted)"] += 1
        said = fragments_text(text, ordered)
        self.document.mentions.append(Mention(mention.id, mention.type, tuple(ordered), said))

    def _add_event(self, number: int, line: str) -> None:
        id, _, rest = line.partition("\t")
        parts = [part.rpartition(":") for part in rest.split()]
        if not _is_name(id) or not parts or not all(name and ref for name, _, ref in parts):
            return self._malformed(number, line)
        type, _, trigger = parts[0]
        if trigger not in self.mention_ids:
            return self._points_nowhere(number, "event", id, trigger)
        if self._is_new(number, id):
            self.triggers[id] = trigger
            arguments = tuple((role, ref) for role, _, ref in parts[1:])
            self.document.events.append(Event(id, type, trigger, arguments))

    def _drop_events_that_point_nowhere(self) -> None:
        # Dropping one may leave another pointing at nothing.
        events = {event.id: event for event in self.document.events}
        users: dict[str, list[Event]] = {}  # events that have this one among their arguments
        lost: list[tuple[Event, str]] = []
        for event in events.values():
            refs = [ref for _, ref in event.arguments if ref not in self.mention_ids]
            for ref in refs:
                users.setdefault(ref, []).append(event)
            lost += [(event, ref) for ref in refs if ref not in events][:1]
        for event, ref in lost:  # which grows on the way
            if event.id not in events:
                continue
            self._points_nowhere(self.seen.pop(event.id), "event", event.id, ref)
            del events[event.id], self.triggers[event.id]
            lost += [(user, event.id) for user in users.get(event.id, ())]
        self.document.events = list(events.values())

    def _add_relation(self, number: int, line: str) -> None:
        id, _, rest = line.partition("\t")
        parts = rest.split()
        arguments = parse_arguments(parts[1:])
        if not _is_name(id) or arguments is None:
            return self._malformed(number, line)
        (head_role, head_ref), (tail_role, tail_ref) = arguments
        if head_by_name(head_role, tail_role) == tail_role != head_role:
            (head_role, head_ref), (tail_role, tail_ref) = reversed(arguments)
        ends = []
        for ref in (head_ref, tail_ref):
            mention = ref if ref in self.mention_ids else self.triggers.get(ref)
            if mention is None:
                return self._points_nowhere(number, "relation", id, ref)
            ends.append(mention)
        if self._is_new(number, id):
            head, tail = ends
            relation = Relation(id, parts[0], head, tail, head_role=head_role, tail_role=tail_role)
            relation.head_ref = head_ref if head_ref in self.triggers else None
            relation.tail_ref = tail_ref if tail_ref in self.triggers else None
            self.document.relations.append(relation)

    def _add_equivalence(self, number: int, line: str) -> None:
        star, _, rest = line.partition("\t")
        parts = rest.split()
        if star.strip() != "*" or len(parts) < 2:
            return self._malformed(number, line)
        for ref in parts[1:]:
            if ref not in self.mention_ids and ref not in self.triggers:
                return self._points_nowhere(number, "equivalence", "*", ref)
        self.document.equivalences.append(Equivalence(parts[0], tuple(parts[1:])))

    def _add_attribute(self, number: int, line: str) -> None:
        id, _, rest = line.partition("\t")
        type, target, *value = rest.strip().split(None, 2) if len(rest.split()) > 1 else ("", "")
        if not _is_name(id) or not type:
            return self._malformed(number, line)
        if self._may_point_at(number, "attribute", id, target):
            attribute = Attribute(id, type, target, value[0] if value else None)
            self.document.attributes.append(attribute)

    def _add_normalization(self, number: int, line: str) -> None:
        id, middle, text = _three_fields(line)
        if not _is_name(id) or len(middle.split()) != 3:
            return self._malformed(number, line)
        type, target, reference = middle.split()
        if target.startswith(_TARGET) and reference.startswith(_REFERENCE):
            target, reference = target[len(_TARGET) :], reference[len(_REFERENCE) :]
        if self._may_point_at(number, "normalization", id, target):
            entry = Normalization(id, type, target, reference, text)
            self.document.normalizations.append(entry)

    def _add_note(self, number: int, line: str) -> None:
        id, middle, text = _three_fields(line)
        if not _is_name(id) or len(middle.split()) != 2:
            return self._malformed(number, line)
        type, target = middle.split()
        if self._may_point_at(number, "note", id, target):
            self.document.notes.append(Note(id, type, target, text))

    def _may_point_at(self, number: int, kind: str, id: str, target: str) -> bool:
        if target not in self.known:
            self._points_nowhere(number, kind, id, target)
            return False
        return self._is_new(number, id)

    def _points_nowhere(self, number: int, kind: str, id: str, ref: str) -> None:
        names = f"{kind} {named(id)} refers to {named(ref)}"
        what = f"{names}, which is no annotation that it can refer to"
        remedy = "add the missing line or correct the id"
        self.fault(number, f"{kind} to an unknown id", what, remedy)


def _is_name(word: str) -> bool:
    return word != "" and not any(map(str.isspace, word))


def _three_fields(line: str) -> tuple[str, str, str]:
    id, _, rest = line.partition("\t")
    middle, _, text = rest.partition("\t")
    return id, middle, text


def _spans(fragments: list[tuple[int, int]]) -> str:
    return ";".join(f"{start} {end}" for start, end in fragments)


def _agrees(mention: MentionLine, text: str) -> bool:
    has = fragments_text(text, mention.fragments)
    return has == mention.said or has.split() == mention.said.split()
