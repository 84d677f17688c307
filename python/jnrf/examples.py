"""Documents to training examples: wordpieces, tags, relation pairs, and what did not fit.

A BIO model cannot represent everything an annotator can write. Nothing is left out silently:
:attr:`Example.lost` counts by kind what the labels do not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from jnrf_ext.document import Document, Mention
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.tagging import OVERLAPS, align, encode_tags
from jnrf_ext.tokenizer import Encoded, Tokenizer

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
    :func:`jnrf_ext.tagging.encode_tags`.
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
    """One document as a model sees it; n wordpieces, P labelled pairs.

    ``lost`` has kinds in words ("overlapping mention", "relation on a lost mention", "attribute"
    ...). Every relation is either one labelled pair of mentions or counted there once.
    """

    document: Document
    encoded: Encoded
    tags: np.ndarray  #: int64 [n], indices into ``Schema.tags``
    pairs: np.ndarray  #: int64 [P, 3]: head wordpiece, tail wordpiece, relation class
    lost: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.encoded)


def encode_document(
    document: Document,
    tokenizer: Tokenizer,
    schema: Schema,
    options: ExampleOptions = ExampleOptions(),
) -> Example:
    """Tokenise a document and label its wordpieces and pairs by its annotations.

    Raises :class:`InputError` for a text that cannot be tokenised. Annotations that the labels
    cannot hold are counted in :attr:`Example.lost`.
    """
    lost: Counter[str] = Counter()
    encoded = tokenizer.encode(document.text, words=options.words)
    types = set(schema.entity_types)
    known = [mention for mention in document.mentions if mention.type in types]
    lost["mention of an unknown type"] += len(document.mentions) - len(known)
    units = _wordpiece_units(known, encoded, options, lost)
    tags, kept = encode_tags(
        len(encoded), units.first, units.last, units.types, schema.tags, options.overlap
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
    return Example(document, encoded, tags, pairs, +lost)


@dataclass(slots=True)
class _Units:
    """What is tagged as one mention each: a range of wordpieces, and the mention it is of."""

    first: np.ndarray
    last: np.ndarray
    types: list[str]
    owners: list[int]


def _wordpiece_units(
    mentions: list[Mention], encoded: Encoded, options: ExampleOptions, lost: Counter[str]
) -> _Units:
    """Align mentions with wordpieces, and bring discontinuous ones into BIO's reach."""
    bounds = [at for mention in mentions for fragment in mention.fragments for at in fragment]
    spans = np.array(bounds, np.int64).reshape(-1, 2)
    firsts, lasts = align(encoded.starts, encoded.ends, spans[:, 0], spans[:, 1])
    _count_moved_boundaries(encoded, spans, firsts, lasts, lost)
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
    encoded: Encoded, spans: np.ndarray, firsts: np.ndarray, lasts: np.ndarray, lost: Counter[str]
) -> None:
    """Count the fragments whose boundaries will come back elsewhere than they were written."""
    found = firsts >= 0
    if not found.any():
        return
    starts, ends = encoded.starts[firsts[found]], encoded.ends[lasts[found] - 1]
    wanted_starts, wanted_ends = spans[found].T
    inside = (starts < wanted_starts) | (ends > wanted_ends)
    outside = (starts > wanted_starts) | (ends < wanted_ends)
    lost["boundary inside a wordpiece"] += int(inside.sum())
    lost["boundary on whitespace"] += int((outside & ~inside).sum())


def _label_pairs(
    document: Document,
    place: dict[str, tuple[int, int]],
    schema: Schema,
    options: ExampleOptions,
    lost: Counter[str],
) -> np.ndarray:
    """The labelled (head wordpiece, tail wordpiece, class) of the document's relations."""
    types = {mention.id: mention.type for mention in document.mentions}
    classes = {name: c for c, name in enumerate(schema.relations) if name != schema.no_relation}
    joined = {
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
    """Pairs of all wordpieces of (head first, head last, tail first, tail last, class) rows."""
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


@dataclass(slots=True)
class Batch:
    """B documents packed along one dimension of T wordpieces; no padding."""

    input_ids: torch.Tensor  #: int64 [T]
    surface: torch.Tensor  #: int64 [T], casing and gap classes
    cu_seqlens: torch.Tensor  #: int32 [B + 1], where each document starts; the last is T
    tags: torch.Tensor  #: int64 [T]
    pairs: torch.Tensor  #: int64 [P, 3], wordpieces counted through the whole batch
    examples: list[Example]

    @property
    def documents(self) -> list[Document]:
        """The B documents, in the order they are packed."""
        return [example.document for example in self.examples]

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device, but for ``cu_seqlens``, which plans need on the host.

        Copies to CUDA go through pinned memory, so that nothing waits for them.
        """
        tensors = (self.input_ids, self.surface, self.tags, self.pairs)
        if torch.device(device).type == "cuda":
            tensors = (tensor.pin_memory() for tensor in tensors)
        ids, surface, tags, pairs = (tensor.to(device, non_blocking=True) for tensor in tensors)
        return Batch(ids, surface, self.cu_seqlens, tags, pairs, self.examples)


def pack(examples: Sequence[Example]) -> Batch:
    """Concatenate examples, in the order given. Raises :class:`InputError` where there is none."""
    if not examples:
        raise InputError("a batch needs at least one document")
    starts = np.cumsum([0, *map(len, examples)])
    pairs = np.concatenate([example.pairs for example in examples])
    shift = np.repeat(starts[:-1], [len(example.pairs) for example in examples])
    pairs[:, :2] += shift[:, None]

    def join(columns, kind):
        return torch.from_numpy(np.concatenate(columns).astype(kind, copy=False))

    return Batch(
        input_ids=join([example.encoded.ids for example in examples], np.int64),
        surface=join([example.encoded.surface for example in examples], np.int64),
        cu_seqlens=torch.from_numpy(starts.astype(np.int32)),
        tags=join([example.tags for example in examples], np.int64),
        pairs=torch.from_numpy(pairs),
        examples=list(examples),
    )


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The shuffle of one epoch: the same for the same seed and epoch, also after resuming."""
    return np.random.default_rng([seed, epoch])


def batches(
    examples: Sequence[Example], max_tokens: int = 0, generator: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Pack documents, shuffled by ``generator`` where one is given, into batches.

    A batch has at most ``max_tokens`` wordpieces; documents are never cut, so that one above the
    budget is a batch of its own. 0 means one document a batch. Every document comes exactly once.
    """
    if max_tokens < 0:
        raise InputError(f"max_tokens is {max_tokens}; use 0 for one document a batch, or more")
    order = range(len(examples)) if generator is None else generator.permutation(len(examples))
    waiting: list[Example] = []
    size = 0
    for index in order:
        example = examples[index]
        if waiting and (max_tokens == 0 or size + len(example) > max_tokens):
            yield pack(waiting)
            waiting, size = [], 0
        waiting.append(example)
        size += len(example)
    if waiting:
        yield pack(waiting)
