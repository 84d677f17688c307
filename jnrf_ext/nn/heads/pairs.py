"""Relations by a score for each pair of mentions (Crone 2020, arXiv 2002.06424)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jnrf_ext.nn.layers import Dropout, Mlp
from jnrf_ext.nn.linear import Linear
from jnrf_ext.nn.recurrent import wide
from jnrf_ext.packing.mention_rows import (
    MentionRows,
    Related,
    allowed_classes,
    candidate_pairs,
    gold_candidates,
)
from jnrf_ext.schema import Schema

#: Pairs whose features are held at once.
PAIRS_AT_ONCE = 32_768
#: Share of the pairs that an untrained head takes for related, so that they start rare.
SHARE_RELATED = 0.05


class _Operands(NamedTuple):
    """What a pair's features are made of, a row a mention."""

    g: Tensor
    norm: Tensor
    as_head: Tensor
    as_tail: Tensor


class PairHead(nn.Module):
    """Any number of classes for each pair of mentions that the schema allows.

    A mention is ``g = [x at its last row; embedding of its type]`` and ``f = FF(g)``. A pair's
    features are ``f_i``, ``f_j``, ``cos(g_i, g_j)`` and, for each class, ``g_i^T M_r g_j`` with a
    trained diagonal ``M_r``; a feed-forward layer of width ``size`` and a sigmoid a class follow. A
    class is found where its probability is at least ``threshold``. The feed-forward layer is
    applied to ``f_i`` and ``f_j`` before they meet, and the rest in portions of pairs, recomputed
    in the backward where there are several, so that memory does not grow with the pairs' features.

    ``dropout`` is that on ``x``; ``max_distance`` the largest distance of the first rows of a pair
    (None: any).
    """

    def __init__(
        self,
        schema: Schema,
        hidden_size: int,
        size: int,
        label_embedding: int = 25,
        dropout: float = 0.0,
        threshold: float = 0.9,
        max_distance: int | None = None,
    ):
        super().__init__()
        allowed = allowed_classes(schema)
        none = schema.relations.index(schema.no_relation)
        #: Indices into ``schema.relations`` of the classes that have a score: all but "none".
        self.classes = [index for index in range(len(schema.relations)) if index != none]
        self.allowed = allowed
        self.threshold = threshold
        self.max_distance = max_distance
        features = hidden_size + label_embedding
        self.dropout = Dropout(dropout)
        self.label_embedding = nn.Embedding(len(schema.entity_types), label_embedding)
        self.mlp = Mlp(features, size, 1)
        self.bilinear = nn.Parameter(torch.empty(len(self.classes), features))
        self.as_head = Linear(size, size)
        self.as_tail = Linear(size, size, bias=False)
        self.similarity = Linear(1 + len(self.classes), size, bias=False)
        self.output = Linear(size, len(self.classes))
        nn.init.normal_(self.bilinear, std=features**-0.5)
        nn.init.constant_(self.output.bias, math.log(SHARE_RELATED / (1 - SHARE_RELATED)))

    def loss(self, x: Tensor, mentions: MentionRows, pairs: Tensor) -> Tensor:
        """Binary cross-entropy of all candidate pairs, those without gold included.

        ``x [N, H]`` are packed rows, ``pairs int64 [P, 3]`` the gold relations (see
        MentionPairHead). Summed over the classes that a pair's types allow and over the candidates,
        and divided by the number of mentions that are the head of one: a mean over pairs would
        weigh documents by the square of their mentions, and drown those with few pairs, and the few
        related ones of the others.
        """
        head, tail = self._candidates(mentions)
        of_pair = self._allowed(mentions, head, tail)
        targets = np.zeros(of_pair.shape, np.float32)
        row, column, _ = self._gold(mentions, pairs, head, tail)
        targets[row, column] = 1
        logits = wide(self._logits(x, mentions, head, tail))
        gold, counted = (
            torch.from_numpy(array).to(logits, non_blocking=True) for array in (targets, of_pair)
        )
        losses = functional.binary_cross_entropy_with_logits(logits, gold, counted, reduction="sum")
        return losses / max(len(np.unique(head)), 1)

    @torch.no_grad()
    def decode(self, x: Tensor, mentions: MentionRows) -> list[Related]:
        """The classes of at least the threshold's probability: (head, tail, class, probability).

        Head and tail are indices of mentions, class one into ``schema.relations``; ordered by them.
        """
        head, tail = self._candidates(mentions)
        probabilities = wide(self._logits(x, mentions, head, tail)).sigmoid().cpu().numpy()
        found = (probabilities >= self.threshold) & self._allowed(mentions, head, tail)
        row, column = np.nonzero(found)
        classes = np.array(self.classes, np.int64)[column]
        columns = (head[row], tail[row], classes, probabilities[row, column])
        return list(zip(*(values.tolist() for values in columns), strict=True))

    def out_of_reach(self, mentions: MentionRows, pairs: Tensor) -> int:
        """How many gold pairs between these mentions are too far apart, or not of the schema."""
        *_, lost = self._gold(mentions, pairs, *self._candidates(mentions))
        return lost

    def _candidates(self, mentions: MentionRows) -> tuple[np.ndarray, np.ndarray]:
        return candidate_pairs(mentions, np.any(self.allowed, axis=2), self.max_distance)

    def _allowed(self, mentions: MentionRows, head: np.ndarray, tail: np.ndarray) -> np.ndarray:
        """Which classes the types of pairs allow: bool ``[P, classes]``."""
        kind = mentions.type.cpu().numpy()
        return self.allowed[kind[head], kind[tail]][:, self.classes]

    def _gold(
        self, mentions: MentionRows, pairs: Tensor, head: np.ndarray, tail: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Candidate and column of each gold pair that is one, and how many are none."""
        row, relation, lost = gold_candidates(mentions, pairs, self.allowed, head, tail)
        return row, np.searchsorted(self.classes, relation), lost

    def _logits(
        self, x: Tensor, mentions: MentionRows, head: np.ndarray, tail: np.ndarray
    ) -> Tensor:
        """``[P, classes]`` for P pairs of mention indices."""
        operands = self._operands(x, mentions.to(x.device))
        indices = (torch.from_numpy(index).to(x.device) for index in (head, tail))
        portions = list(zip(*(index.split(PAIRS_AT_ONCE) for index in indices), strict=True))
        if len(portions) == 1 or not torch.is_grad_enabled():
            parts = [self._score(*operands, *portion) for portion in portions]
        else:
            parts = [
                checkpoint(self._score, *operands, *portion, use_reentrant=False)
                for portion in portions
            ]
        return torch.cat(parts)

    def _operands(self, x: Tensor, mentions: MentionRows) -> _Operands:
        at_last = self.dropout(wide(x.index_select(0, mentions.last)))
        g = torch.cat([at_last, self.label_embedding(mentions.type)], dim=1)
        f = functional.celu(self.mlp(g))
        norm = g.norm(dim=1, keepdim=True).clamp(min=1e-6)
        return _Operands(g, norm, wide(self.as_head(f)), wide(self.as_tail(f)))

    def _score(
        self, g: Tensor, norm: Tensor, as_head: Tensor, as_tail: Tensor, head: Tensor, tail: Tensor
    ) -> Tensor:
        products = g.index_select(0, head) * g.index_select(0, tail)
        norms = norm.index_select(0, head) * norm.index_select(0, tail)
        cosine = products.sum(dim=1, keepdim=True) / norms
        similar = torch.cat([cosine, wide(functional.linear(products, self.bilinear))], dim=1)
        met = as_head.index_select(0, head) + as_tail.index_select(0, tail)
        return self.output(functional.celu(met + wide(self.similarity(similar))))
