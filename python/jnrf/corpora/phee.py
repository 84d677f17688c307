"""PHEE, events of pharmacovigilance in sentences of abstracts, as its authors publish it.

JSON lines, one sentence each: ``{"id": "PMID_NUMBER", "context": text, "annotations": [{"events":
[event, ...]}]}``. An event has a type, a trigger and arguments (Subject, Treatment, Effect), which
have arguments of their own (Treatment's Drug, Dosage, ...). Each of these is ``{"text": [[piece,
...], ...], "start": [[offset, ...], ...]}``, one inner list for each span. Both releases have this
form: github.com/ZhaoyueSun/PHEE (data/json), and the corrected version 2 that is used in papers,
github.com/ZhaoyueSun/phee-with-chatgpt (data/datasets/phee2/source).

A document is an abstract, its sentences in their order, a line each. ``words`` makes longer ones of
several abstracts, blank lines between.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from jnrf.corpora.sentences import place_ids
from jnrf_ext.documents.dict_reader import document_from_dict
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.unread import count_unread
from jnrf_ext.errors import InputError
from jnrf_ext.shown import kind_of, shown

#: "n2c2" has the labels of the 2018 n2c2 track 2, as far as PHEE has them; "own" has PHEE's.
LABELS = ("n2c2", "own")

_SUBJECT = ("Age", "Gender", "Population", "Race", "Disorder")
_TREATMENT = ("Drug", "Disorder", "Dosage", "Duration", "Freq", "Route", "Time_elapsed")
_ARGUMENTS = {"Subject": _SUBJECT, "Treatment": _TREATMENT, "Effect": ()}
#: Words that qualify an event; an attribute of it goes with them.
_CUES = ("Negated", "Speculated", "Severity")
#: n2c2's names of what belongs to a drug
_N2C2 = {
    "Disorder": "Reason",
    "Route": "Route",
    "Dosage": "Dosage",
    "Duration": "Duration",
    "Freq": "Frequency",
}
#: The order of abstracts in documents of several; as for the other splits of this package
_ORDER = 2018

#: A mention before it has an id: type, fragments
_Span = tuple[str, tuple[tuple[int, int], ...]]


def is_phee(item: object) -> TypeGuard[dict]:
    """Whether a parsed JSON value is a sentence of PHEE."""
    return isinstance(item, dict) and "context" in item and "annotations" in item


def from_items(
    items: Sequence[tuple[object, str]], stem: str, labels: str = "n2c2", words: int | None = None
) -> list[Document]:
    """The documents of parsed JSON values, each with where it stands, which messages begin with.

    ``labels`` is one of ``LABELS``. A document is an abstract and named by its PMID; with ``words``
    it is as many abstracts, in an order drawn by chance that is always the same, as have so many
    words together, and is named by ``stem`` and its place. What has no n2c2 label is counted in
    ``Document.warnings``. Raises :class:`InputError` naming the place and the remedy for a value of
    another shape.
    """
    if labels not in LABELS:
        raise InputError(f"labels are {labels!r}; choose one of {', '.join(LABELS)}")
    abstracts: dict[str, list[tuple[int, _Sentence]]] = {}
    for item, where in items:
        sentence = _Sentence(item, where, labels)
        abstract, _, number = sentence.id.rpartition("_")
        place = int(number) if number.isdecimal() and len(number) < 10 else 0
        abstracts.setdefault(abstract or sentence.id, []).append((place, sentence))
    keys = sorted(abstracts)
    if words is None:
        groups = [[key] for key in keys]
        ids = keys
    else:
        random.Random(_ORDER).shuffle(keys)
        sizes = {key: sum(len(s.text.split()) for _, s in abstracts[key]) for key in keys}
        groups = list(_grouped(keys, sizes, words))
        ids = place_ids(stem, len(groups))
    return [
        _document(id, [sorted(abstracts[key], key=lambda pair: pair[0]) for key in group])
        for id, group in zip(ids, groups, strict=True)
    ]


def _grouped(keys: Iterable[str], sizes: dict[str, int], words: int) -> Iterator[list[str]]:
    """Neighbours that have at least so many words together; the last ones may have fewer."""
    group: list[str] = []
    for key in keys:
        group.append(key)
        if sum(sizes[k] for k in group) >= words:
            yield group
            group = []
    if group:
        yield group


@dataclass(slots=True)
class _Found:
    """What the events of a sentence hold; dicts keep the order and each thing once."""

    spans: dict[_Span, str] = field(default_factory=dict)  #: with the text that was claimed
    relations: dict[tuple[str, _Span, _Span], None] = field(default_factory=dict)
    attributes: dict[tuple[str, _Span, str | None], None] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)


class _Sentence:
    """One line of a file; every fault is an error that says where."""

    def __init__(self, item: object, where: str, labels: str) -> None:
        self.where = where
        if not is_phee(item):
            raise self._fault("not a sentence of PHEE", 'write {"id", "context", "annotations"}')
        self.id, self.text = (self._string(item, name) for name in ("id", "context"))
        self.found = _Found()
        known = {"id", "context", "annotations", "is_mult_event"}
        count_unread((name for name in item if name not in known), self.found.warnings)
        for annotation in self._objects(item["annotations"], "annotations"):
            for event in self._objects(annotation.get("events"), "events"):
                (self._add_n2c2 if labels == "n2c2" else self._add_own)(event)

    def _fault(self, what: str, remedy: str) -> InputError:
        return InputError(f"{self.where}: {what}; {remedy}")

    def _string(self, data: dict, name: str) -> str:
        value = data.get(name)
        if not isinstance(value, str):
            raise self._fault(f"{name} is {kind_of(value)}", "give a string")
        return value

    def _objects(self, values: object, name: str) -> list[dict]:
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self._fault(f"{name} are {kind_of(values)}", "give a list of objects")
        return values

    def _spans(self, holder: dict, name: str, type: str) -> list[_Span]:
        """The spans under a field, none where it is missing; they become mentions of ``type``."""
        data = holder.get(name)
        if data is None:
            return []
        if not isinstance(data, dict):
            raise self._fault(f"{name} is {kind_of(data)}", 'write {"text", "start"}')
        texts, starts = data.get("text", []), data.get("start", [])
        if not _same_shape(texts, starts):
            remedy = "write lists of lists of one length, strings and whole numbers"
            raise self._fault(f"text and start of {name} do not fit each other", remedy)
        spans = []
        for pieces, places in zip(texts, starts, strict=True):
            ordered = sorted(zip(places, pieces, strict=True))
            span = type, tuple((start, start + len(piece)) for start, piece in ordered)
            self.found.spans.setdefault(span, " ".join(piece for _, piece in ordered))
            spans.append(span)
        return spans

    def _relate(self, type: str, heads: list[_Span], tails: list[_Span]) -> None:
        for head in heads:
            self.found.relations.update(((type, head, tail), None) for tail in tails)

    def _add_n2c2(self, event: dict) -> None:
        kind = self._string(event, "event_type")
        treatment = self._object(event, "Treatment")
        drugs = self._spans(treatment, "Drug", "Drug")
        for combination in self._objects(treatment.get("Combination", []), "Combination"):
            drugs += self._spans(combination, "Drug", "Drug")
        if kind == "Adverse_event":
            self._relate("ADE-Drug", self._spans(event, "Effect", "ADE"), drugs)
        for name, label in _N2C2.items():
            self._relate(f"{label}-Drug", self._spans(treatment, name, label), drugs)
        left_out = [name for name in ("Trigger", "Subject", *_CUES) if name in event]
        if kind != "Adverse_event" and "Effect" in event:
            left_out.append("Effect of another event than an adverse one")
        left_out += [f"Treatment.{name}" for name in ("Time_elapsed",) if name in treatment]
        for name in left_out:
            self.found.warnings[f"{name} has no n2c2 label (left out)"] += 1
        self._tell_unread(event, treatment)

    def _add_own(self, event: dict) -> None:
        triggers = self._spans(event, "Trigger", self._string(event, "event_type"))
        treatment = self._object(event, "Treatment")
        for name, inner in _ARGUMENTS.items():
            argument = self._object(event, name)
            spans = self._spans(event, name, name)
            self._relate(name, triggers, spans)
            for part in inner:
                self._relate(part, spans, self._spans(argument, part, f"{name}.{part}"))
        for combination in self._objects(treatment.get("Combination", []), "Combination"):
            cues = self._spans(combination, "Trigger", "Combination")
            self._relate("Combination", self._spans(event, "Treatment", "Treatment"), cues)
            self._relate("Drug", cues, self._spans(combination, "Drug", "Treatment.Drug"))
        for name in _CUES:
            cue = self._object(event, name)
            self._relate(name, triggers, self._spans(event, name, name))
            if value := cue.get("value"):
                said = value if isinstance(value, str) else None
                self.found.attributes.update(((name, span, said), None) for span in triggers)
        self._tell_unread(event, treatment)

    def _object(self, holder: dict, name: str) -> dict:
        value = holder.get(name, {})
        if not isinstance(value, dict):
            raise self._fault(f"{name} is {kind_of(value)}", 'write {"text", "start"}')
        return value

    def _tell_unread(self, event: dict, treatment: dict) -> None:
        known = {"event_id", "event_type", "Trigger", *_ARGUMENTS, *_CUES}
        span = {"text", "start", "entity_id"}
        count_unread((n for n in event if n not in known), self.found.warnings, "events")
        for name, inner in (("Treatment", {*_TREATMENT, "Combination"}), ("Subject", _SUBJECT)):
            data = treatment if name == "Treatment" else self._object(event, name)
            others = (n for n in data if n not in span and n not in inner)
            count_unread(others, self.found.warnings, name)


def _same_shape(texts: object, starts: object) -> bool:
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        return False
    return all(
        isinstance(pieces, list)
        and isinstance(places, list)
        and 0 < len(pieces) == len(places)
        and all(isinstance(piece, str) and piece for piece in pieces)
        and all(type(place) is int for place in places)
        for pieces, places in zip(texts, starts, strict=True)
    )


def _document(id: str, abstracts: list[list[tuple[int, _Sentence]]]) -> Document:
    """The document of sentences, which are grouped by abstract."""
    text = ""
    sentences: list[tuple[int, _Sentence]] = []  # with where each starts
    for abstract in abstracts:
        for number, (_, sentence) in enumerate(abstract):
            text += ("\n" if number else "\n\n") if text else ""
            sentences.append((len(text), sentence))
            text += sentence.text
    text += "\n"
    placed = sorted(
        (_moved(span, at, sentence), at, span, said)
        for at, sentence in sentences
        for span, said in sentence.found.spans.items()
    )
    id_of = {(at, span): f"T{n}" for n, (_, at, span, _) in enumerate(placed, 1)}
    data: dict[str, Any] = {
        "id": id,
        "text": text,
        "mentions": [
            {"id": id_of[at, span], "type": span[0], "fragments": moved, "text": said}
            for (_, _, moved), at, span, said in placed
        ],
        "relations": [
            {"type": type, "head": id_of[at, head], "tail": id_of[at, tail]}
            for at, sentence in sentences
            for type, head, tail in sentence.found.relations
        ],
        "attributes": [
            {"type": type, "target": id_of[at, target], "value": value}
            for at, sentence in sentences
            for type, target, value in sentence.found.attributes
        ],
        "warnings": sum((s.found.warnings for _, s in sentences), Counter()),
    }
    for kind, letter in (("relations", "R"), ("attributes", "A")):
        for number, row in enumerate(data[kind], 1):
            row["id"] = f"{letter}{number}"
    try:
        return document_from_dict(data)
    except InputError as error:
        raise InputError(f"{sentences[0][1].where}: {error}") from None


def _moved(span: _Span, at: int, sentence: _Sentence) -> tuple[int, int, list[list[int]]]:
    """Where a span of a sentence that starts at ``at`` begins and ends, and its fragments."""
    type, fragments = span
    if fragments[0][0] < 0 or fragments[-1][1] > len(sentence.text):
        raise InputError(
            f"{sentence.where}: a span of {shown(type)} is not inside the context of "
            f"{len(sentence.text):,} characters; correct its start"
        )
    moved = [[start + at, end + at] for start, end in fragments]
    return moved[0][0], moved[-1][1], moved
