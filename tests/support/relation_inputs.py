"""Invented inputs of the relation operators, and how far results are from the reference."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

#: The instruction sets that JNRF_CPU_ISA can ask for; a machine runs the best one up to it.
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")


class Operands(NamedTuple):
    """The first nine arguments of every relation operator."""

    u: Tensor
    w: Tensor
    pos_u: Tensor
    pos_w: Tensor
    cu_u: Tensor
    cu_w: Tensor
    alpha: Tensor
    beta: Tensor
    gamma: Tensor

    def to(self, dtype: torch.dtype) -> Operands:
        return Operands(*(t.to(dtype) if t.is_floating_point() else t for t in self))

    def trainable(self) -> Operands:
        return Operands(*(t.detach().clone().requires_grad_(t.is_floating_point()) for t in self))

    @property
    def floats(self) -> tuple[Tensor, ...]:
        return self.u, self.w, self.alpha, self.beta, self.gamma

    def document(self, b: int) -> Operands:
        """The operands of one document alone."""
        tails = slice(int(self.cu_u[b]), int(self.cu_u[b + 1]))
        heads = slice(int(self.cu_w[b]), int(self.cu_w[b + 1]))
        return self._replace(
            u=self.u[tails],
            w=self.w[heads],
            pos_u=self.pos_u[tails],
            pos_w=self.pos_w[heads],
            cu_u=bounds([tails.stop - tails.start]),
            cu_w=bounds([heads.stop - heads.start]),
        )


def bounds(counts: list[int]) -> Tensor:
    return torch.tensor([0, *counts]).cumsum(0).int()


def operands(
    heads: list[int],
    tails: list[int],
    classes: int,
    size: int,
    dtype: torch.dtype = torch.float64,
    span: int = 500,
    seed: int = 0,
) -> Operands:
    """Documents with these numbers of heads and tails, scores of about unit size."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    def positions(count: int) -> Tensor:
        return torch.randint(0, span, (count,), generator=generator)

    return Operands(
        u=normal(sum(tails), classes, size) / size**0.5,
        w=normal(sum(heads), classes, size),
        pos_u=positions(sum(tails)),
        pos_w=positions(sum(heads)),
        cu_u=bounds(tails),
        cu_w=bounds(heads),
        alpha=normal(classes) / span**2,
        beta=normal(classes) / span,
        gamma=normal(classes),
    )


def from_scores(scores: torch.Tensor, pos_w=None, pos_u=None) -> Operands:
    """Operands of one document that has exactly these scores ``[heads, tails, R]``."""
    heads, tails, classes = scores.shape
    zeros = torch.zeros(classes, dtype=scores.dtype)
    return Operands(
        # Head i picks the i-th column of what every tail holds.
        u=scores.permute(1, 2, 0).contiguous(),
        w=torch.eye(heads, dtype=scores.dtype)[:, None, :].expand(-1, classes, -1).contiguous(),
        pos_u=torch.arange(tails) if pos_u is None else torch.tensor(pos_u),
        pos_w=torch.zeros(heads).long() if pos_w is None else torch.tensor(pos_w),
        cu_u=bounds([tails]),
        cu_w=bounds([heads]),
        alpha=zeros,
        beta=zeros,
        gamma=zeros,
    )


def gold_pairs(given: Operands, per_document: int, seed: int = 1) -> Tensor:
    """Random listed pairs ``[P, 3]`` of every document that has any."""
    generator = torch.Generator().manual_seed(seed)

    def pick(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    rows = []
    for b in range(len(given.cu_u) - 1):
        heads = int(given.cu_w[b]), int(given.cu_w[b + 1])
        tails = int(given.cu_u[b]), int(given.cu_u[b + 1])
        if heads[0] < heads[1] and tails[0] < tails[1]:
            classes = given.u.shape[1]
            rows += [(pick(*heads), pick(*tails), pick(0, classes)) for _ in range(per_document)]
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)


def relative_distance(ours: Tensor, expected: Tensor) -> float:
    """||ours - expected|| / ||expected||, in float64."""
    ours, expected = ours.detach().double(), expected.detach().double()
    return float((ours - expected).norm() / expected.norm().clamp_min(1e-300))


@functools.cache
def distances_with_instruction_set(isa: str) -> dict[str, list[float]]:
    """What `relation_distances.py` prints in a fresh process that uses these kernels."""
    environment = dict(os.environ, JNRF_CPU_ISA=isa, PYTHONPATH=os.pathsep.join(sys.path))
    script = Path(__file__).with_name("relation_distances.py")
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
