"""Prints how far the relation operators are from the reference on this process's kernels.

Run as a script, because the instruction set is chosen once a process. One JSON object: operator ->
relative distances in float32, then in float64; for relation_decode 0 where all pairs agree.
"""

from __future__ import annotations

import json

import torch
from relation_inputs import gold_pairs, operands, relative_distance

from jnrf_ext import ops, reference


def differentiated(name: str, dtype: torch.dtype, *arguments) -> float:
    """The largest distance among the result of an operator and its gradients."""
    exact = operands([15, 3], [40, 1], 5, 33).to(dtype).to(torch.float64).trainable()
    given = exact.to(dtype).trainable()
    ours = getattr(ops, name)(*given, *arguments)
    expected = getattr(reference, name)(*exact, *arguments)
    found = torch.autograd.grad(ours.square().sum(), given.floats)
    wanted = torch.autograd.grad(expected.square().sum(), exact.floats)
    pairs = zip((ours, *found), (expected, *wanted), strict=True)
    return max(relative_distance(a, b) for a, b in pairs)


def decoded(dtype: torch.dtype) -> float:
    """The distance of the probabilities; infinite when other pairs were found."""
    given = operands([15, 3], [40, 1], 5, 33).to(dtype)
    ours = ops.relation_decode(*given, 0, 0.5)
    expected = reference.relation_decode(*given.to(torch.float64), 0, 0.5)
    if [t.tolist() for t in ours[:3]] != [t.tolist() for t in expected[:3]]:
        return float("inf")
    return relative_distance(ours[3], expected[3])


if __name__ == "__main__":
    dtypes = (torch.float32, torch.float64)
    pairs = gold_pairs(operands([15, 3], [40, 1], 5, 33), 5)
    distances = {
        "relation_scores": [differentiated("relation_scores", dtype) for dtype in dtypes],
        "relation_loss": [differentiated("relation_loss", dtype, pairs, 0) for dtype in dtypes],
        "relation_decode": [decoded(dtype) for dtype in dtypes],
    }
    print(json.dumps(distances))
