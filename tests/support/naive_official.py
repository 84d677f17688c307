"""The official counting rules once more, as slow loops over plain tuples, to test ours against.

Written from the description of the rules, not from our implementation, with which it shares
nothing.
"""

from __future__ import annotations

Mention = tuple[str, int, int]
Link = tuple[str, Mention, Mention]


def same(gold: Mention, system: Mention, lenient: bool) -> bool:
    """Equal types, and spans that share a character or (strict) are equal."""
    if gold[0] != system[0]:
        return False
    if lenient:
        return gold[1] < system[2] and system[1] < gold[2]
    return gold[1:] == system[1:]


def same_link(gold: Link, system: Link, lenient: bool) -> bool:
    """Equal types, and both arguments the same."""
    return (
        gold[0] == system[0]
        and same(gold[1], system[1], lenient)
        and same(gold[2], system[2], lenient)
    )


def count(gold: list, system: list, matches) -> tuple[int, int, int]:
    """(TP, FP, FN) of one document's items in file order."""
    taken: list[int] = []
    dropped: set[int] = set()
    for s, found in enumerate(system):
        for g, wanted in enumerate(gold):
            if matches(wanted, found):
                if g in taken:
                    dropped.add(s)
                else:
                    taken.append(g)
    remaining = [found for s, found in enumerate(system) if s not in dropped]
    tp = sum(any(matches(wanted, found) for wanted in gold) for found in remaining)
    return tp, len(remaining) - tp, len(gold) - tp


def rates(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 where there is nothing to divide by."""
    p = tp / (tp + fp) if tp + fp else 0.0
    r = tp / (tp + fn) if tp + fn else 0.0
    return p, r, 2 * p * r / (p + r) if p + r else 0.0
