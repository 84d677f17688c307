"""Pair the gold and the system items of a corpus: which items match, without listing all pairs.

Two items match when they are of one document and type and their spans (for relations: both
arguments' spans, and types) are equal (strict) or overlap (lenient).

Thousands of relations of one head, or one relation written thousands of times, have millions of
matching pairs. Therefore items are split into components first: items that match are in one. In
most components every gold item matches every system item, so that counting is enough. Of the
others each system item's matches become the bits of one integer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jnrf.scoring.columns import Columns

#: (start, end) arrays, int64 [n] each, one pair for mentions, head's and tail's for relations.
Ends = list[tuple[np.ndarray, np.ndarray]]

#: Comparisons of a gold with a system item that are made at once: as many bytes of memory.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Component:
    """Items of which some match others: rows (int64) of both sides in file order.

    Bit ``n`` of ``adjacency[i]`` is set where system item ``i`` matches gold item ``n``; the order
    of the gold items is not that of ``gold``.
    """

    gold: np.ndarray
    system: np.ndarray
    adjacency: list[int]


class Matching:
    """The matching items of a gold and a system side, ``lenient`` or strict.

    ``gold`` and ``system`` number the component of each item (int64 [n]); items match within one
    only. ``complete`` (bool, one a component) says where all its gold match all its system items.
    """

    def __init__(self, gold: Columns, system: Columns, lenient: bool) -> None:
        self._ends = [span[1:] for span in gold.spans], [span[1:] for span in system.spans]
        number = _number_rows(_keys(gold, system, spans=not lenient))
        if lenient:
            number = _split(number, *self._ends)
        self.gold, self.system = number[: len(gold)], number[len(gold) :]
        count = int(number.max(initial=-1)) + 1
        self.gold_sizes = np.bincount(self.gold, minlength=count)
        self.system_sizes = np.bincount(self.system, minlength=count)
        self.complete = np.ones(count, dtype=bool)
        if lenient:
            self.complete = _all_overlap(self.gold, self.system, *self._ends, count)

    def partial(self) -> Iterator[Component]:
        """The components with items of both sides of which not all match."""
        wanted = ~self.complete & (self.gold_sizes > 0) & (self.system_sizes > 0)
        if not wanted.any():
            return
        sides = (_rows_of(self.gold, wanted), _rows_of(self.system, wanted))
        gold_ends, system_ends = self._ends
        for gold, system in zip(*sides, strict=True):
            adjacency = _adjacency(_ends_of(gold, gold_ends), _ends_of(system, system_ends))
            yield Component(gold, system, adjacency)


def _keys(gold: Columns, system: Columns, spans: bool) -> list[np.ndarray]:
    """Arrays over the items of both sides that have to be equal: with ``spans`` also the spans."""
    keys = [(gold.doc, system.doc), (gold.type, system.type)]
    for ours, theirs in zip(gold.spans, system.spans, strict=True):
        keys += list(zip(ours, theirs, strict=True))[: 3 if spans else 1]
    return [np.concatenate(pair) for pair in keys]


def _number_rows(keys: list[np.ndarray]) -> np.ndarray:
    """Number rows 0, 1, ... so that rows equal in every key get the same number."""
    numbers = np.zeros(len(keys[0]), dtype=np.int64)
    largest = 0
    for key in keys:
        lowest = int(key.min(initial=0))
        size = int(key.max(initial=0)) - lowest + 1
        # As many keys as fit in 62 bits make one number: sorting is what takes the time.
        if (largest + 1) * size >= 1 << 62:
            numbers = np.unique(numbers, return_inverse=True)[1]
            largest = int(numbers.max(initial=0))
        numbers = numbers * size + (key - lowest)
        largest = (largest + 1) * size - 1
    return np.unique(numbers, return_inverse=True)[1]


def _split(number: np.ndarray, gold: Ends, system: Ends) -> np.ndarray:
    """Number the groups anew after cutting each where no span reaches from one item to the next.

    Cutting along the heads may open cuts along the tails and the reverse, hence twice.
    """
    if not len(number):
        return number
    for (gold_start, gold_end), (system_start, system_end) in [*zip(gold, system, strict=True)] * 2:
        start = np.concatenate((gold_start, system_start))
        end = np.concatenate((gold_end, system_end))
        # Half-open spans share a character exactly where these closed ones meet; spans of no
        # length, and those that end before they start, are made longer rather than shorter.
        first, last = np.minimum(start, end - 1), np.maximum(start, end - 1)
        lowest = int(first.min())
        base = number * (int(last.max()) - lowest + 1) - lowest
        order = np.argsort(base + first, kind="stable")
        furthest = np.maximum.accumulate((base + last)[order])
        starts_new = (base + first)[order][1:] > furthest[:-1]
        number = np.empty_like(number)
        number[order] = np.concatenate(([0], np.cumsum(starts_new)))
    return number


def _all_overlap(
    gold_number: np.ndarray, system_number: np.ndarray, gold: Ends, system: Ends, count: int
) -> np.ndarray:
    """Whether all gold spans of a component overlap all system spans of it, bool [count]."""
    result = np.ones(count, dtype=bool)
    for (gold_start, gold_end), (system_start, system_end) in zip(gold, system, strict=True):
        for number, start, other, end in (
            (gold_number, gold_start, system_number, system_end),
            (system_number, system_start, gold_number, gold_end),
        ):
            latest_start = np.full(count, np.iinfo(np.int64).min)
            np.maximum.at(latest_start, number, start)
            earliest_end = np.full(count, np.iinfo(np.int64).max)
            np.minimum.at(earliest_end, other, end)
            result &= latest_start < earliest_end
    return result


def _rows_of(number: np.ndarray, wanted: np.ndarray) -> list[np.ndarray]:
    """The rows of each wanted component, in the order of components."""
    rows = np.flatnonzero(wanted[number])
    rows = rows[np.argsort(number[rows], kind="stable")]
    return np.split(rows, np.flatnonzero(np.diff(number[rows])) + 1)


def _ends_of(rows: np.ndarray, ends: Ends) -> Ends:
    return [(start[rows], end[rows]) for start, end in ends]


def _adjacency(gold: Ends, system: Ends) -> list[int]:
    """The matches of each system item among the gold items, ordered by the end of their span."""
    order = np.argsort(gold[0][1], kind="stable")
    gold = [(start[order], end[order]) for start, end in gold]
    size, step = len(system[0][0]), max(1, _BLOCK // len(order))
    result: list[int] = []
    for block in (slice(low, low + step) for low in range(0, size, step)):
        overlap = np.ones((min(step, size - block.start), len(order)), dtype=bool)
        for (gold_start, gold_end), (start, end) in zip(gold, system, strict=True):
            overlap &= gold_start < end[block, None]
            overlap &= start[block, None] < gold_end
        rows = np.packbits(overlap, axis=1, bitorder="little")
        result += [int.from_bytes(row.tobytes(), "little") for row in rows]
    return result


def one_to_one(adjacency: list[int]) -> list[int]:
    """The left nodes of a largest one-to-one pairing (Hopcroft and Karp, 1973).

    Bit ``n`` of ``adjacency[i]`` joins left node ``i`` to right node ``n``.
    """
    partner: dict[int, int] = {}  # of right nodes
    unpaired = []
    free = -1  # the right nodes without a partner, as bits: all of them
    for left, rights in enumerate(adjacency):
        lowest = rights & free & -(rights & free)
        if lowest:
            partner[lowest.bit_length() - 1] = left
            free ^= lowest
        elif rights:
            unpaired.append(left)
    while unpaired and (levels := _levels(adjacency, partner, free, unpaired)):
        still = []
        for root in unpaired:
            right = _augment(root, adjacency, partner, free, levels)
            if right is None:
                still.append(root)
            else:
                free ^= 1 << right
        unpaired = still
    return sorted(partner.values())


def _levels(
    adjacency: list[int], partner: dict[int, int], free: int, unpaired: list[int]
) -> list[int] | None:
    """Right nodes (as bits) by their distance from the unpaired left ones along alternating paths.

    The last level is the first that has free nodes; None where no path reaches one.
    """
    levels = []
    unseen = -1
    lefts = unpaired
    while lefts:
        level = 0
        for left in lefts:
            level |= adjacency[left]
        level &= unseen
        unseen &= ~level
        levels.append(level)
        if level & free:
            return levels
        lefts = [partner[right] for right in _bits(level)]
    return None


def _augment(
    root: int, adjacency: list[int], partner: dict[int, int], free: int, levels: list[int]
) -> int | None:
    """Pair ``root`` along a shortest path to a free right node, which is returned, if there is one.

    Depth first; nodes that were tried are taken out of ``levels``.
    """
    lefts = [root]
    rights: list[int] = []
    while lefts:
        depth = len(rights)
        able = adjacency[lefts[-1]] & levels[depth]
        if depth == len(levels) - 1:
            able &= free
        lowest = able & -able
        if not lowest:
            lefts.pop()
            if rights:
                rights.pop()
            continue
        levels[depth] ^= lowest
        rights.append(lowest.bit_length() - 1)
        if depth == len(levels) - 1:
            partner.update(zip(rights, lefts, strict=True))
            return rights[-1]
        lefts.append(partner[rights[-1]])
    return None


def _bits(number: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    text = bin(number)
    at = text.rfind("1")
    while at > 1:
        yield len(text) - 1 - at
        at = text.rfind("1", 0, at)
