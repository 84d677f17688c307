"""Documents to training examples: wordpieces, rows, tags, relation pairs, and what did not fit.

Rows are what a model tags: wordpieces, or words (:mod:`jnrf_ext.packing.outline`).

A BIO model cannot represent everything an annotator can write. Nothing is left out silently:
:attr:`Example.lost` counts by kind what the labels do not hold.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError
from jnrf_ext.packing.outline import Outline, outline
from jnrf_ext.schema import Schema
from jnrf_ext.text.tagging import OVERLAPS, align, decode_tags, encode_tags
from jnrf_ext.text.tokenizer import Encoded, Tokenizer

_CHOICES = {
    "discontinuous": ("hull", "largest", "split"),
    "overlap": OVERLAPS,
    "pair_tokens": ("first", "all"),
}


@dataclass(frozen=True, slots=True)
class ExampleOptions:
    """How annotations become labels.

    ``discontinuous``: a mention in several pieces is tagged over its hull, at its largest fragment
    alone, or as one mention a fragment with its relations at the first.
    ``overlap``: which of two mentions that share a wordpiece is tagged, see
    :func:`jnrf_ext.text.tagging.encode_tags`.
    ``pair_tokens``: a relation joins the first wordpieces of its mentions, or all with all.
    ``words``: tokenise each whitespace word by itself, as the reference implementation does.
    """

    discontinuous: str = "hull"
    overlap: str = "longest"
    pair_tokens: str = "first"
    words: bool = False

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise InputError(f"{name} {value!r} is none of {', '.join(choices)}")


@dataclass(slots=True)
class Example:
    """One document as a model sees it; n wordpieces, r rows, P labelled pairs.

    ``lost`` has kinds in words ("overlapping mention", "relation on a lost mention", "attribute"
    ...). Every relation is either one labelled pair of mentions or counted there once.
    """

    document: Document
    encoded: Encoded
    outline: Outline
    tags: np.ndarray  #: int64 [r], indices into ``Schema.tags``
    pairs: np.ndarray  #: int64 [P, 3]: head row, tail row, relation class
    #: The tagged mentions: (type, first row, last row exclusive)
    spans: list[tuple[str, int, int]] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    #: The corpus it is of: 0 the main one, others with tags of their own
    task: int = 0

    def __len__(self) -> int:
        return len(self.encoded)


def encode_document(
    document: Document,
    tokenizer: Tokenizer,
    schema: Schema,
    options: ExampleOptions = ExampleOptions(),
    config: JNRFConfig | None = None,
) -> Example:
    """Tokenise a document and label its rows and pairs by its annotations.

    ``config`` says what rows and segments are; without one each wordpiece is a row.

    Raises :class:`InputError` for a text that cannot be tokenised. Annotations that the labels
    cannot hold are counted in :attr:`Example.lost`.
    """
    lost: Counter[str] = Counter()
    encoded = tokenizer.encode(document.text, words=options.words)
    rows = Outline(encoded.starts, encoded.ends)
    if config is not None:
        rows = outline(document.text, encoded, config)
    types = set(schema.entity_types)
    known = [mention for mention in document.mentions if mention.type in types]
    lost["mention of an unknown type"] += len(document.mentions) - len(known)
    units = _row_units(document.text, known, rows, options, lost)
    tags, kept = encode_tags(
        len(rows), units.first, units.last, units.types, schema.tags, options.overlap
    )
    # Relations attach to a mention's first unit; a later fragment of a split mention has none.
    place: dict[str, tuple[int, int]] = {}
    lost_owners, previous = set(), -1
    columns = (units.owners, units.first.tolist(), units.last.tolist(), kept.tolist())
    for owner, first, last, whole in zip(*columns, strict=True):
        if not whole:
            lost_owners.add(owner)
        elif owner != previous:
            place[known[owner].id] = (first, last)
        previous = owner
    lost["overlapping mention"] += len(lost_owners)
    pairs = _label_pairs(document, place, schema, options, lost)
    _count_other_annotations(document, lost)
    if rows.segments is not None:
        _cut_at_segments(tags, rows.segments, schema, lost)
    spans = [(kind, first, last) for kind, first, last, *_ in decode_tags(tags, schema.tags)]
    return Example(document, encoded, rows, tags, pairs, spans, +lost)


def _cut_at_segments(
    tags: np.ndarray, segments: np.ndarray, schema: Schema, lost: Counter[str]
) -> None:
    """Start a mention anew where it goes on into another segment, which knows nothing of it."""
    begin_of = np.arange(len(schema.tags))
    for number, tag in enumerate(schema.tags):
        if tag.startswith("I-") and f"B-{tag[2:]}" in schema.tags:
            begin_of[number] = schema.tags.index(f"B-{tag[2:]}")
    first = tags[segments]
    lost["mention over the end of a sentence"] += int((begin_of[first] != first).sum())
    tags[segments] = begin_of[first]


@dataclass(slots=True)
class _Units:
    """What is tagged as one mention each: a range of rows, and the mention it is of."""

    first: np.ndarray
    last: np.ndarray
    types: list[str]
    owners: list[int]


def _row_units(
    text: str,
    mentions: list[Mention],
    rows: Outline,
    options: ExampleOptions,
    lost: Counter[str],
) -> _Units:
    """Align mentions with rows, and bring discontinuous ones into BIO's reach."""
    bounds = [at for mention in mentions for fragment in mention.fragments for at in fragment]
    spans = np.array(bounds, np.int64).reshape(-1, 2)
    firsts, lasts = align(rows.starts, rows.ends, spans[:, 0], spans[:, 1])
    _count_moved_boundaries(text, rows, spans, firsts, lasts, lost)
    firsts, lasts = firsts.tolist(), lasts.tolist()
    first, last, owners = [], [], []
    at = 0
    for owner, mention in enumerate(mentions):
        count = len(mention.fragments)
        if count == 1:
            ranges = [(firsts[at], lasts[at])] if firsts[at] >= 0 else []
        else:
            ranges = _continuous_ranges(firsts[at : at + count], lasts[at : at + count])
            if len(ranges) > 1:
                lost["discontinuous mention"] += 1
                ranges = _make_continuous(ranges, options.discontinuous)
        at += count
        if not ranges:
            lost["mention without a wordpiece"] += 1
        for one, end in ranges:
            first.append(one)
            last.append(end)
            owners.append(owner)
    return _Units(
        np.array(first, np.int64),
        np.array(last, np.int64),
        [mentions[owner].type for owner in owners],
        owners,
    )


def _continuous_ranges(firsts: list[int], lasts: list[int]) -> list[tuple[int, int]]:
    """Fragments as ranges of wordpieces; those with no wordpiece between them are one range.

    Annotation tools cut a mention at a line's end, which parts no wordpieces.
    """
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(pair for pair in zip(firsts, lasts, strict=True) if pair[0] >= 0):
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def _make_continuous(ranges: list[tuple[int, int]], policy: str) -> list[tuple[int, int]]:
    if policy == "hull":
        return [(ranges[0][0], ranges[-1][1])]
    if policy == "largest":
        return [max(ranges, key=lambda r: r[1] - r[0])]
    return ranges


def _count_moved_boundaries(
    text: str,
    rows: Outline,
    spans: np.ndarray,
    firsts: np.ndarray,
    lasts: np.ndarray,
    lost: Counter[str],
) -> None:
    """Count the fragments whose boundaries will come back elsewhere than they were written.

    Those that a row goes beyond count as inside of it; of the others, what is left out decides.
    """
    found = firsts >= 0
    if not found.any():
        return
    starts, ends = rows.starts[firsts[found]], rows.ends[lasts[found] - 1]
    wanted_starts, wanted_ends = spans[found].T
    inside = (starts < wanted_starts) | (ends > wanted_ends)
    lost[f"boundary inside a {'wordpiece' if rows.pieces is None else 'word'}"] += int(inside.sum())
    outside = np.flatnonzero(((starts > wanted_starts) | (ends < wanted_ends)) & ~inside)
    for i in outside.tolist():
        left_out = text[wanted_starts[i] : starts[i]] + text[ends[i] : wanted_ends[i]]
        what = "whitespace" if left_out.isspace() else "a character that the tokenizer drops"
        lost[f"boundary on {what}"] += 1


def _label_pairs(
    document: Document,
    place: dict[str, tuple[int, int]],
    schema: Schema,
    options: ExampleOptions,
    lost: Counter[str],
) -> np.ndarray:
    """The labelled (head row, tail row, class) of the document's relations."""
    types = {mention.id: mention.type for mention in document.mentions}
    classes = {name: c for c, name in enumerate(schema.relations) if name != schema.no_relation}
    # Looked up with the types that the mentions of a relation have, if they are there.
    joined: dict[tuple[str, str | None, str | None], int] = {
        (name, *pair): classes[name]
        for name, pairs in schema.arguments.items()
        if name in classes
        for pair in pairs
    }
    labelled: dict[tuple[str, str], int] = {}
    for relation in document.relations:
        head, tail = relation.head, relation.tail
        label = joined.get((relation.type, types.get(head), types.get(tail)))
        if label is None:
            if relation.type not in classes:
                lost["relation of an unknown type"] += 1
            elif head not in types or tail not in types:
                lost["relation on a missing mention"] += 1
            else:
                lost["relation between types the schema does not join"] += 1
        elif head not in place or tail not in place:
            lost["relation on a lost mention"] += 1
        else:
            lost["several relations on one pair"] += (head, tail) in labelled
            labelled[head, tail] = label
    rows = sorted((*place[head], *place[tail], c) for (head, tail), c in labelled.items())
    table = np.array([value for row in rows for value in row], np.int64).reshape(-1, 5)
    return table[:, [0, 2, 4]] if options.pair_tokens == "first" else _all_with_all(table)


def _all_with_all(table: np.ndarray) -> np.ndarray:
    """Pairs of all rows of (head first, head last, tail first, tail last, class) rows."""
    head_first, head_last, tail_first, tail_last, label = table.T
    tails = tail_last - tail_first
    counts = (head_last - head_first) * tails
    row = np.repeat(np.arange(len(table)), counts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    head, tail = head_first[row] + number // tails[row], tail_first[row] + number % tails[row]
    pairs = np.stack([head, tail, label[row]], axis=1)
    return pairs[np.lexsort((tail, head))]


def _count_other_annotations(document: Document, lost: Counter[str]) -> None:
    lost["n-ary relation"] += len(document.equivalences)
    lost["event argument"] += sum(len(event.arguments) for event in document.events)
    lost["attribute"] += len(document.attributes)
    lost["normalization"] += len(document.normalizations)
    lost["note"] += len(document.notes)
