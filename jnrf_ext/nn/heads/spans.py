"""Relations by a score for each pair of mentions, from both and from what lies between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from jnrf_ext.nn.layers import Dropout
from jnrf_ext.nn.linear import Linear
from jnrf_ext.nn.recurrent import RecurrentLayer, wide
from jnrf_ext.packing.mention_rows import (
    MentionRows,
    Related,
    allowed_classes,
    candidate_pairs,
    gold_candidates,
    row_kinds,
)
from jnrf_ext.schema import Schema

#: Pairs whose features are held at once.
PAIRS_AT_ONCE = 32_768
#: Distances are told apart up to this many rows, in steps that grow with them.
_STEPS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 96, 128, 256, 512])
#: Nearer candidates of the same kind are counted up to this.
_NEARER = 4


class _Pairs(NamedTuple):
    """P candidate pairs: mentions, the rows between them, and what is known of the pair itself."""

    head: np.ndarray
    tail: np.ndarray
    #: First row between the mentions and one past the last; equal where they touch or overlap
    low: np.ndarray
    high: np.ndarray
    #: Indices into the embeddings of distance, of nearer tails, of nearer heads, of both types
    distance: np.ndarray
    nearer_tails: np.ndarray
    nearer_heads: np.ndarray
    kinds: np.ndarray
    #: The pairs ordered by how many rows are between them: none, then by powers of two of them;
    #: and where each of these groups but the first starts
    order: np.ndarray
    bounds: np.ndarray


class SpanHead(nn.Module):
    """One class, or none, for each pair of mentions that the schema allows.

    Rows ``x`` are first told what mention they are in, by an embedding, and go through the head's
    own layers. A mention is then ``m = [x at its first row; x at its last; the mean of its rows]``,
    and a pair's hidden layer ``h = CELU(A m_i + B m_j + C CELU(c_ij) + e)``. ``c_ij`` has the
    largest value, feature by feature, of a projection of the rows between both mentions (Eberts and
    Ulges 2020, arXiv 1909.07755), in constant time a pair; ``e`` is a sum of embeddings: of the
    signed distance in rows, of both types, and of how many candidates of the same type are nearer.
    A linear layer scores the classes; a softmax over those that the types allow, and "none", gives
    their probabilities.

    ``size`` is the width of ``h``, ``dropout`` that on the marked rows and on ``h``;
    ``related_weight`` the weight of a related pair in the loss beside an unrelated one;
    ``max_distance`` the largest distance of the first rows of a pair (None: any). ``layers`` makes
    the head's layer of a number, of which it has ``num_layers``.
    """

    mask: Tensor

    def __init__(
        self,
        schema: Schema,
        hidden_size: int,
        size: int,
        dropout: float = 0.0,
        related_weight: float = 1.0,
        max_distance: int | None = None,
        layers: Callable[[int], nn.Module] | None = None,
        num_layers: int = 0,
    ):
        super().__init__()
        self.none = schema.relations.index(schema.no_relation)
        self.allowed = allowed_classes(schema)
        self.related_weight = related_weight
        self.max_distance = max_distance
        types = len(schema.entity_types)
        self.types = types
        self.dropout = Dropout(dropout)
        self.marks = nn.Embedding(1 + 2 * types, hidden_size)
        if layers is None and num_layers > 0:
            raise TypeError("a head with layers of its own needs what makes them")
        self.layers = nn.ModuleList(map(layers, range(num_layers)) if layers else [])
        self.as_head = Linear(3 * hidden_size, size)
        self.as_tail = Linear(3 * hidden_size, size)
        self.between = Linear(hidden_size, size)
        self.of_between = Linear(size, size)
        self.distance_embedding = nn.Embedding(2 * len(_STEPS), size)
        self.nearer_tails_embedding = nn.Embedding(_NEARER + 1, size)
        self.nearer_heads_embedding = nn.Embedding(_NEARER + 1, size)
        self.kinds_embedding = nn.Embedding(types * types, size)
        self.nothing_between = nn.Parameter(torch.zeros(size))
        self.output = Linear(size, len(schema.relations))
        for embedding in (m for m in self.modules() if isinstance(m, nn.Embedding)):
            nn.init.normal_(embedding.weight, std=0.1)
        with torch.no_grad():
            self.output.bias[self.none] = 2.0
        mask = np.where(self.allowed, 0.0, -np.inf).astype(np.float32)
        mask[:, :, self.none] = 0
        self.register_buffer(
            "mask", torch.tensor(mask.reshape(types * types, -1)), persistent=False
        )

    def loss(self, x: Tensor, mentions: MentionRows, pairs: Tensor) -> Tensor:
        """Cross-entropy of all candidate pairs, divided by the number of heads among them.

        By head, not by pair: a mean over pairs would weigh documents by the square of their
        mentions.
        """
        found = self._pairs(mentions)
        if not len(found.head):
            return wide(x[:0]).sum() + 0 * self.output.bias.sum()
        targets = np.full(len(found.head), self.none, np.int64)
        row, relation, _ = self._gold(mentions, pairs, found)
        targets[row] = relation
        logits = self._logits(x, mentions, found)
        gold = torch.from_numpy(targets).to(x.device, non_blocking=True)
        losses = functional.cross_entropy(logits, gold, reduction="none")
        if self.related_weight != 1:
            losses = torch.where(gold == self.none, losses, losses * self.related_weight)
        return losses.sum() / max(len(np.unique(found.head)), 1)

    @torch.no_grad()
    def decode(self, x: Tensor, mentions: MentionRows) -> list[Related]:
        """The pairs whose most probable class is a relation: (head, tail, class, probability)."""
        found = self._pairs(mentions)
        if not len(found.head):
            return []
        probabilities = self._logits(x, mentions, found).softmax(dim=1)
        best, relation = (t.cpu().numpy() for t in probabilities.max(dim=1))
        row = np.flatnonzero(relation != self.none)
        columns = (found.head[row], found.tail[row], relation[row], best[row].astype(float))
        return list(zip(*(values.tolist() for values in columns), strict=True))

    def out_of_reach(self, mentions: MentionRows, pairs: Tensor) -> int:
        """How many gold pairs between these mentions the head cannot find.

        Those too far apart, those not of the schema, and further classes of one pair.
        """
        *_, lost = self._gold(mentions, pairs, self._pairs(mentions))
        return lost

    def _pairs(self, mentions: MentionRows) -> _Pairs:
        head, tail = candidate_pairs(mentions, np.any(self.allowed, axis=2), self.max_distance)
        first, last, kind = (
            column.cpu().numpy() for column in (mentions.first, mentions.last, mentions.type)
        )
        after = first[tail] > first[head]
        low = np.where(after, last[head], last[tail]) + 1
        high = np.maximum(np.where(after, first[tail], first[head]), low)
        gap = np.searchsorted(_STEPS, high - low, side="right") - 1
        level = np.frexp((high - low).astype(np.float64))[1]  # 0 for 0, 1 for 1, 2 for 2 and 3, ...
        return _Pairs(
            head,
            tail,
            low,
            high,
            2 * gap + after,
            _rank(head, kind[tail], high - low),
            _rank(tail, kind[head], high - low),
            kind[head] * self.types + kind[tail],
            np.argsort(level, kind="stable"),
            np.cumsum(np.bincount(level))[:-1] if len(level) else np.zeros(0, np.int64),
        )

    def _gold(
        self, mentions: MentionRows, pairs: Tensor, found: _Pairs
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Candidate and class of each pair that gold relates, and how many gold pairs are lost."""
        row, relation, lost = gold_candidates(mentions, pairs, self.allowed, found.head, found.tail)
        once, first = np.unique(row, return_index=True)
        return once, relation[first], lost + len(row) - len(once)

    def _logits(self, x: Tensor, mentions: MentionRows, found: _Pairs) -> Tensor:
        """``[P, R]``, float32; -inf where a class does not go with the types."""
        x = self._marked(wide(x), mentions)
        as_head, as_tail = self._mentions(x, mentions)
        parts = []
        # The largest values of 2 ** level rows from each row on, level after level: any stretch
        # of rows is two of the largest level that it holds (a sparse table).
        table = wide(self.between(x))
        for level, chosen in enumerate(np.split(found.order, found.bounds)):
            if level > 1:
                step = 2 ** (level - 2)
                table = torch.maximum(table[:-step], table[step:])
            for at in range(0, len(chosen), PAIRS_AT_ONCE):
                some = chosen[at : at + PAIRS_AT_ONCE]
                low, high = found.low[some], found.high[some] - 2 ** max(level - 1, 0)
                mentions_of = (found.head, found.tail)
                of_pair = (found.distance, found.nearer_tails, found.nearer_heads, found.kinds)
                columns = (low, high, *(column[some] for column in (*mentions_of, *of_pair)))
                indices = [torch.from_numpy(c).to(x.device, non_blocking=True) for c in columns]
                inputs = (as_head, as_tail, table if level else None, *indices)
                if len(found.head) > PAIRS_AT_ONCE and torch.is_grad_enabled():
                    parts.append(checkpoint(self._score, *inputs, use_reentrant=False))
                else:
                    parts.append(self._score(*inputs))
        place = torch.from_numpy(np.argsort(found.order)).to(x.device, non_blocking=True)
        return torch.cat(parts).index_select(0, place)

    def _marked(self, x: Tensor, mentions: MentionRows) -> Tensor:
        """The rows, told what mention they are in, after the head's own layers."""
        kinds = torch.from_numpy(row_kinds(mentions, len(x)))
        x = x + self.marks(kinds.to(x.device, non_blocking=True))
        for layer in self.layers:
            if isinstance(layer, RecurrentLayer):
                cu = mentions.cu_rows if mentions.cu_segments is None else mentions.cu_segments
                x = x + layer(x, cu)
            else:
                x = wide(layer(x, mentions.cu_rows))
        return self.dropout(x)

    def _mentions(self, x: Tensor, mentions: MentionRows) -> tuple[Tensor, Tensor]:
        """What mentions add to a pair's hidden layer, as its head and as its tail: ``[M, S]``."""
        first, last = mentions.first.cpu().numpy(), mentions.last.cpu().numpy()
        length = last + 1 - first
        owner = np.repeat(np.arange(len(first)), length)
        rows = np.arange(len(owner)) + np.repeat(first - (np.cumsum(length) - length), length)
        at_first, at_last, mention, inside, count = (
            torch.from_numpy(column).to(x.device, non_blocking=True)
            for column in (first, last, owner, rows, length)
        )
        total = x.new_zeros(len(first), x.shape[1]).index_add(0, mention, x.index_select(0, inside))
        mean = total / count.unsqueeze(1)
        m = torch.cat([x.index_select(0, at_first), x.index_select(0, at_last), mean], dim=1)
        return wide(self.as_head(m)), wide(self.as_tail(m))

    def _score(
        self, as_head, as_tail, table, low, high, head, tail, distance, tails, heads, kinds
    ) -> Tensor:
        """The logits of some pairs; ``table`` None where nothing is between them."""
        if table is None:
            between = self.nothing_between.expand(len(head), -1)
        else:
            between = torch.maximum(table.index_select(0, low), table.index_select(0, high))
        hidden = as_head.index_select(0, head) + as_tail.index_select(0, tail)
        hidden = hidden + wide(self.of_between(functional.celu(between)))
        hidden = hidden + self.distance_embedding(distance) + self.kinds_embedding(kinds)
        hidden = hidden + self.nearer_tails_embedding(tails) + self.nearer_heads_embedding(heads)
        return wide(self.output(self.dropout(functional.celu(hidden)))) + self.mask[kinds]


def _rank(owner: np.ndarray, kind: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """How many pairs of the same owner and kind have a smaller gap, at most ``_NEARER``."""
    order = np.lexsort((gap, kind, owner))
    group = (
        np.flatnonzero(np.append(True, (np.diff(owner[order]) != 0) | (np.diff(kind[order]) != 0)))
        if len(owner)
        else np.zeros(0, np.int64)
    )
    start = np.repeat(group, np.diff(np.append(group, len(owner))))
    rank = np.empty(len(owner), np.int64)
    rank[order] = np.minimum(np.arange(len(owner)) - start, _NEARER)
    return rank
