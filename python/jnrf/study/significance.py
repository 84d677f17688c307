"""Is one system better than another? Approximate randomisation over documents.

Under the null hypothesis a document's two outputs might as well be exchanged (Noreen 1989; Yeh
2000, for F1 by stratified shuffling): exchanged at random, document by document, how often is the
difference of the micro F1 at least as large as the one observed?
"""

from __future__ import annotations

import numpy as np

#: Random bits held at once
_BLOCK = 1 << 22
#: What rounding may make of two equal differences
_EQUAL = 1e-12


def micro_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of TP, FP, FN in the last dimension; 0 of nothing."""
    tp, wrong = counts[..., 0], counts[..., 1] + counts[..., 2]
    total = 2 * tp + wrong
    return np.where(total > 0, 2 * tp / np.maximum(total, 1), 0.0)


def randomization_test(
    first: np.ndarray, second: np.ndarray, shuffles: int = 10_000, seed: int = 0
) -> float:
    """The two-sided p-value of a difference of micro F1, (count + 1) / (shuffles + 1).

    ``first`` and ``second`` hold TP, FP, FN of the same documents, int [D, 3]. The same ``seed``
    gives the same p-value.
    """
    if first.shape != second.shape or first.shape[-1:] != (3,):
        raise ValueError(f"counts of shapes {first.shape} and {second.shape} are not paired [D, 3]")
    sums = first.sum(axis=0), second.sum(axis=0)
    observed = abs(micro_f1(sums[0]) - micro_f1(sums[1]))
    # Exchanging equal counts changes nothing.
    change = (second - first)[(first != second).any(axis=1)].astype(np.float64)
    if not len(change):
        return 1.0
    generator = np.random.default_rng(seed)
    count, left = 0, shuffles
    while left:
        rows = min(left, max(1, _BLOCK // len(change)))
        exchanged = generator.integers(0, 2, (rows, len(change)), dtype=np.uint8)
        moved = exchanged.astype(np.float64) @ change
        difference = np.abs(micro_f1(sums[0] + moved) - micro_f1(sums[1] - moved))
        count += int((difference >= observed - _EQUAL).sum())
        left -= rows
    return (count + 1) / (shuffles + 1)
