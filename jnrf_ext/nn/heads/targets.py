"""Relations by tagging, for each target mention, what belongs to it (Wei et al. 2020, JAMIA)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jnrf_ext import ops
from jnrf_ext.nn.linear import Linear
from jnrf_ext.nn.recurrent import RecurrentLayer, wide
from jnrf_ext.packing.mention_rows import (
    MentionRows,
    Related,
    allowed_classes,
    candidate_pairs,
    related_mentions,
    row_kinds,
)
from jnrf_ext.schema import OUTSIDE, Schema
from jnrf_ext.text.tag_rules import allowed_tags

#: Rows of sequences that go through the layers at once (a longer sequence goes alone).
ROWS_AT_ONCE = 30_000


@dataclass
class _Targets:
    """The sequences of rows around targets, and the heads that each may have.

    ``mention int64 [S]`` is the target of each sequence, ``start int64 [S]`` its first row in the
    batch, ``cu int64 [S + 1]`` the bounds of the sequences, laid one after another. ``head`` and
    ``sequence``, int64 ``[P]``, are the candidate pairs, ordered by target, then head.
    """

    mention: np.ndarray
    start: np.ndarray
    cu: np.ndarray
    head: np.ndarray
    sequence: np.ndarray

    def place(self, rows: np.ndarray, sequence: np.ndarray | int) -> np.ndarray:
        """Where rows of the batch stand in given sequences."""
        return self.cu[sequence] + rows - self.start[sequence]


class TargetHead(nn.Module):
    """Tags the heads of each target, a mention of a type that may be a tail, by BiLSTM and CRF.

    The rows from ``context`` before the target to ``context`` after it, within its document, are a
    sequence; each is ``x`` plus an embedding that marks the target plus one of the type of the
    mention it is in (begin and inside told apart). A bidirectional LSTM, a linear layer and a CRF
    tag in BIO the heads that belong to the target with the class of their relation. Targets
    without a mention around that the schema lets be their head have no sequence.

    A head has one class a target here, and must lie in the context with all its rows.
    """

    def __init__(self, schema: Schema, hidden_size: int, context: int, dropout: float = 0.0):
        super().__init__()
        none = schema.relations.index(schema.no_relation)
        self.classes = [index for index in range(len(schema.relations)) if index != none]
        self.allowed = allowed_classes(schema)
        self.context = context
        #: O, then B- and I- of each class in the order of ``classes``.
        self.tags = [OUTSIDE] + [f"{p}-{schema.relations[r]}" for r in self.classes for p in "BI"]
        self.rules = allowed_tags(self.tags)
        self.indicator_embedding = nn.Embedding(2, hidden_size)
        self.type_embedding = nn.Embedding(1 + 2 * len(schema.entity_types), hidden_size)
        self.recurrent = RecurrentLayer(hidden_size, "lstm", dropout)
        self.output = Linear(hidden_size, len(self.tags))
        self.transitions = nn.Parameter(torch.zeros(len(self.tags), len(self.tags)))
        self.start = nn.Parameter(torch.zeros(len(self.tags)))
        self.end = nn.Parameter(torch.zeros(len(self.tags)))

    def loss(self, x: Tensor, mentions: MentionRows, pairs: Tensor) -> Tensor:
        """The mean over targets of the negative log likelihood of their tags.

        ``x [N, H]`` are packed rows, ``pairs int64 [P, 3]`` the gold relations (see
        MentionPairHead). By target, not by row: nearly all rows are easy O, so that a mean over
        rows would shrink with the context while what there is to learn stays the same.
        """
        targets = self._targets(mentions)
        tags, _ = self._gold_tags(mentions, pairs, targets)
        kinds = row_kinds(mentions, len(x))
        portions = list(_portions(targets.cu))
        total = wide(x[:0]).sum() + 0 * self.output.bias.sum()
        for portion in portions:
            inputs = self._inputs(mentions, targets, kinds, portion, x.device)
            rows = slice(targets.cu[portion.start], targets.cu[portion.stop])
            gold = torch.from_numpy(tags[rows]).to(x.device, non_blocking=True)
            if len(portions) == 1 or not torch.is_grad_enabled():
                total = total + self._nll(x, gold, *inputs)
            else:
                total = total + checkpoint(self._nll, x, gold, *inputs, use_reentrant=False)
        return total / max(len(targets.mention), 1)

    @torch.no_grad()
    def decode(self, x: Tensor, mentions: MentionRows) -> list[Related]:
        """The heads of which most rows are tagged with one class: (head, tail, class, probability).

        Head and tail are indices of mentions, class one into ``schema.relations``; ordered by them.
        The probability is the mean over the head's rows of that of being tagged with the class.
        """
        targets = self._targets(mentions)
        kinds = row_kinds(mentions, len(x))
        found: list[Related] = []
        for portion in _portions(targets.cu):
            inputs = self._inputs(mentions, targets, kinds, portion, x.device)
            found += self._related(x, mentions, targets, portion, inputs)
        return sorted(found)

    def out_of_reach(self, mentions: MentionRows, pairs: Tensor) -> int:
        """How many gold pairs between these mentions the tags cannot express.

        Those too far apart or not of the schema, and those whose head's rows carry other tags:
        of a second relation with the same target, or of an overlapping head.
        """
        return self._gold_tags(mentions, pairs, self._targets(mentions))[1]

    def _targets(self, mentions: MentionRows) -> _Targets:
        first, last = mentions.first.cpu().numpy(), mentions.last.cpu().numpy()
        bounds = mentions.cu_rows.numpy().astype(np.int64)
        document = np.repeat(np.arange(len(bounds) - 1), np.diff(mentions.cu.numpy()))
        starts = np.maximum(first - self.context, bounds[document])
        ends = np.minimum(last + self.context + 1, bounds[document + 1])
        head, tail = candidate_pairs(mentions, np.any(self.allowed, axis=2))
        near = (first[head] >= starts[tail]) & (last[head] < ends[tail])
        head, tail = head[near], tail[near]
        order = np.lexsort((head, tail))
        mention, sequence = np.unique(tail[order], return_inverse=True)
        cu = np.concatenate([[0], np.cumsum(ends[mention] - starts[mention])])
        return _Targets(mention, starts[mention], cu, head[order], sequence)

    def _gold_tags(
        self, mentions: MentionRows, pairs: Tensor, targets: _Targets
    ) -> tuple[np.ndarray, int]:
        """The tags of all sequences, int64, and how many gold pairs they do not express."""
        first, last = mentions.first.cpu().numpy(), mentions.last.cpu().numpy()
        kind = mentions.type.cpu().numpy()
        tags = np.zeros(targets.cu[-1], np.int64)
        near = set(
            zip(targets.head.tolist(), targets.mention[targets.sequence].tolist(), strict=True)
        )
        sequence_of = {mention: s for s, mention in enumerate(targets.mention.tolist())}
        written, lost = [], 0
        for head, tail, relation in related_mentions(mentions, pairs, self.allowed).tolist():
            if (head, tail) not in near or not self.allowed[kind[head], kind[tail], relation]:
                lost += 1
                continue
            begin = int(targets.place(first[head], sequence_of[tail]))
            spelled = np.full(last[head] - first[head] + 1, 2 + 2 * self.classes.index(relation))
            spelled[0] -= 1
            where = slice(begin, begin + len(spelled))
            tags[where] = spelled
            written.append((where, spelled))
        lost += sum(not np.array_equal(tags[where], spelled) for where, spelled in written)
        return tags, lost

    def _inputs(
        self,
        mentions: MentionRows,
        targets: _Targets,
        kinds: np.ndarray,
        portion: slice,
        device: torch.device,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rows, their kinds, their indicators, int64 ``[rows]``, and bounds of some sequences."""
        cu = targets.cu[portion.start : portion.stop + 1] - targets.cu[portion.start]
        lengths = np.diff(cu)
        rows = np.arange(cu[-1]) + np.repeat(targets.start[portion] - cu[:-1], lengths)
        first, last = (
            np.repeat(t.cpu().numpy()[targets.mention[portion]], lengths)
            for t in (mentions.first, mentions.last)
        )
        indicator = ((rows >= first) & (rows <= last)).astype(np.int64)
        there, kind, marks = (
            torch.from_numpy(array).to(device, non_blocking=True)
            for array in (rows, kinds[rows], indicator)
        )
        return there, kind, marks, torch.from_numpy(cu.astype(np.int32))

    def _emissions(
        self, x: Tensor, rows: Tensor, kinds: Tensor, indicator: Tensor, cu: Tensor
    ) -> Tensor:
        marks = self.type_embedding(kinds) + self.indicator_embedding(indicator)
        states = self.recurrent(wide(x.index_select(0, rows)) + marks, cu)
        return wide(self.output(states))

    def _nll(self, x: Tensor, gold: Tensor, *inputs: Tensor) -> Tensor:
        """The sum over some sequences of the negative log likelihood of their tags."""
        emissions = self._emissions(x, *inputs)
        with torch.autocast(x.device.type, enabled=False):
            return ops.crf_nll(emissions, gold, *self._weights(), inputs[-1]).sum()

    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.transitions, self.start, self.end

    def _related(
        self,
        x: Tensor,
        mentions: MentionRows,
        targets: _Targets,
        portion: slice,
        inputs: tuple[Tensor, ...],
    ) -> list[Related]:
        emissions, cu = self._emissions(x, *inputs), inputs[-1]
        best, _ = ops.crf_decode(emissions, *self._weights(), cu, self.rules)
        chances = ops.crf_marginals(emissions, *self._weights(), cu)
        tags, marginals = best.cpu().numpy(), chances.cpu().numpy()
        pairs = slice(*np.searchsorted(targets.sequence, [portion.start, portion.stop]))
        head, sequence = targets.head[pairs], targets.sequence[pairs]
        tail = targets.mention[sequence]
        first, last, kind = (
            t.cpu().numpy() for t in (mentions.first, mentions.last, mentions.type)
        )
        begin = targets.place(first[head], sequence) - targets.cu[portion.start]
        end = begin + last[head] - first[head] + 1
        of_class = (tags[:, None] + 1) // 2 == np.arange(1, len(self.classes) + 1)
        counts = _sums(of_class, begin, end)
        allowed = self.allowed[kind[head], kind[tail]][:, self.classes]
        pair, column = np.nonzero(allowed & (2 * counts > (end - begin)[:, None]))
        by_class = marginals[:, 1::2] + marginals[:, 2::2]
        mean = _sums(by_class, begin, end)[pair, column] / (end - begin)[pair]
        classes = np.array(self.classes, np.int64)[column]
        columns = (head[pair], tail[pair], classes, np.clip(mean, 0, 1))
        return list(zip(*(values.tolist() for values in columns), strict=True))


def _portions(cu: np.ndarray) -> Iterator[slice]:
    """Neighbouring sequences that fit ROWS_AT_ONCE together (a longer one goes alone)."""
    start, count = 0, len(cu) - 1
    while start < count:
        stop = int(np.searchsorted(cu, cu[start] + ROWS_AT_ONCE, side="right")) - 1
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


def _sums(values: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The sums of ``values [n, C]`` over rows ``[begin, end)``, float64 ``[P, C]``."""
    totals = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0, np.float64)])
    return totals[end] - totals[begin]
