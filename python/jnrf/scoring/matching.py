"""Which system items match which gold items, and how many can be paired one to one.

Two items match when they are of one document and type and their spans (for relations: both
arguments' spans, and types) are equal (strict) or overlap (lenient).
"""

from __future__ import annotations

from collections import deque

import numpy as np

from jnrf.scoring.columns import Columns


def matches(gold: Columns, system: Columns, lenient: bool) -> tuple[np.ndarray, np.ndarray]:
    """All matching (gold row, system row) pairs, int64 [P] each, ordered by system row."""
    if not len(gold) or not len(system):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return _overlapping(gold, system) if lenient else _equal(gold, system)


def strict_codes(gold: Columns, system: Columns) -> tuple[np.ndarray, np.ndarray]:
    """A number for each gold and each system item, equal exactly where the items match strictly."""
    keys = _group_keys(gold, system)
    for (_, *gold_ends), (_, *system_ends) in zip(gold.spans, system.spans, strict=True):
        keys += [np.concatenate(pair) for pair in zip(gold_ends, system_ends, strict=True)]
    codes = _number_rows(keys)
    return codes[: len(gold)], codes[len(gold) :]


def _group_keys(gold: Columns, system: Columns) -> list[np.ndarray]:
    """What has to be equal in either mode: document, type, types of the arguments."""
    keys = [np.concatenate((gold.doc, system.doc)), np.concatenate((gold.type, system.type))]
    for (gold_type, *_), (system_type, *_) in zip(gold.spans, system.spans, strict=True):
        keys.append(np.concatenate((gold_type, system_type)))
    return keys


def _number_rows(keys: list[np.ndarray]) -> np.ndarray:
    """Numbers rows 0, 1, ... so that rows equal in every key get the same number."""
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


def _equal(gold: Columns, system: Columns) -> tuple[np.ndarray, np.ndarray]:
    gold_codes, system_codes = strict_codes(gold, system)
    order = np.argsort(gold_codes, kind="stable")
    ordered = gold_codes[order]
    first = np.searchsorted(ordered, system_codes, side="left")
    last = np.searchsorted(ordered, system_codes, side="right")
    rows, system_rows = _expand(first, last)
    return order[rows], system_rows


def _overlapping(gold: Columns, system: Columns) -> tuple[np.ndarray, np.ndarray]:
    groups = _number_rows(_group_keys(gold, system))
    (_, gold_start, gold_end), (_, system_start, system_end) = gold.spans[0], system.spans[0]
    # (group, offset) as one number, so that a search in it is a search within the group.
    ends = (gold_start, gold_end, system_start, system_end)
    lowest = min(int(e.min()) for e in ends)
    stride = max(int(e.max()) for e in ends) - lowest + 1
    gold_base = groups[: len(gold)] * stride - lowest
    system_base = groups[len(gold) :] * stride - lowest

    order = np.argsort(gold_base + gold_start, kind="stable")
    starts = (gold_base + gold_start)[order]
    # The furthest end so far does not decrease: what lies before it cannot reach the system span.
    furthest = np.maximum.accumulate((gold_base + gold_end)[order])
    first = np.searchsorted(furthest, system_base + system_start, side="right")
    last = np.searchsorted(starts, system_base + system_end, side="left")
    rows, system_rows = _expand(first, np.maximum(first, last))
    gold_rows = order[rows]

    keep = np.ones(len(gold_rows), dtype=bool)
    for (_, gs, ge), (_, ss, se) in zip(gold.spans, system.spans, strict=True):
        keep &= (gs[gold_rows] < se[system_rows]) & (ss[system_rows] < ge[gold_rows])
    return gold_rows[keep], system_rows[keep]


def _expand(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members of each range [first, last), and the number of the range each comes from."""
    lengths = last - first
    owners = np.repeat(np.arange(len(lengths)), lengths)
    offsets = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return first[owners] + offsets, owners


def one_to_one(gold_rows: np.ndarray, system_rows: np.ndarray) -> np.ndarray:
    """The system rows of a largest set of pairs in which no row of either side occurs twice."""
    if not len(gold_rows):
        return np.empty(0, np.int64)
    alone = (np.bincount(gold_rows)[gold_rows] == 1) & (np.bincount(system_rows)[system_rows] == 1)
    neighbours: dict[int, list[int]] = {}
    for g, s in zip(gold_rows[~alone].tolist(), system_rows[~alone].tolist(), strict=True):
        neighbours.setdefault(s, []).append(g)
    paired = np.array(sorted(_hopcroft_karp(neighbours)), dtype=np.int64)
    return np.concatenate((system_rows[alone], paired))


def _hopcroft_karp(neighbours: dict[int, list[int]]) -> set[int]:
    """The left nodes of a maximum matching of a bipartite graph (Hopcroft and Karp, 1973)."""
    partner_of_left: dict[int, int] = {}
    partner_of_right: dict[int, int] = {}
    for left, rights in neighbours.items():
        free = next((r for r in rights if r not in partner_of_right), None)
        if free is not None:
            partner_of_left[left], partner_of_right[free] = free, left
    while True:
        # Breadth first from the free left nodes: distances along alternating paths.
        distance = {left: 0 for left in neighbours if left not in partner_of_left}
        queue = deque(distance)
        reached = False
        while queue:
            left = queue.popleft()
            for right in neighbours[left]:
                following = partner_of_right.get(right)
                if following is None:
                    reached = True
                elif following not in distance:
                    distance[following] = distance[left] + 1
                    queue.append(following)
        if not reached:
            return set(partner_of_left)
        roots = [left for left, steps in distance.items() if steps == 0]
        untried = {left: iter(neighbours[left]) for left in distance}
        for root in roots:
            _augment(root, untried, distance, partner_of_left, partner_of_right)


def _augment(
    root: int,
    untried: dict[int, object],
    distance: dict[int, int],
    partner_of_left: dict[int, int],
    partner_of_right: dict[int, int],
) -> None:
    """Depth first from ``root`` along the distances; on a free right node flips the path to it."""
    path = [root]
    via: list[int] = []
    while path:
        left = path[-1]
        for right in untried[left]:
            following = partner_of_right.get(right)
            if following is None:
                for node, partner in zip(path, [*via, right], strict=True):
                    partner_of_left[node], partner_of_right[partner] = partner, node
                return
            if distance.get(following) == distance[left] + 1:
                path.append(following)
                via.append(right)
                break
        else:
            path.pop()
            if via:
                via.pop()
