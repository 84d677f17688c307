"""The mentions of packed documents, and the pairs of them that may be related."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from jnrf_ext.schema import Schema

#: Index of the head mention, of the tail mention, of the class, and the probability.
Related = tuple[int, int, int, float]


@dataclass
class MentionRows:
    """The mentions of a packed batch, document after document.

    ``first`` and ``last``, int64 ``[M]``, are the rows in which each begins and ends (inclusive),
    counted through the batch; ``type int64 [M]`` indices into ``schema.entity_types``. ``cu`` and
    ``cu_rows``, int32 ``[B + 1]`` on the host, are the bounds of the documents among the mentions
    and among the rows; ``cu_segments``, likewise, those of what recurrent layers do not go beyond
    (None: the documents). Heads read mentions on the host and send what the device needs; they take
    mentions on the device too, but then wait for it.
    """

    first: Tensor
    last: Tensor
    type: Tensor
    cu: Tensor
    cu_rows: Tensor
    cu_segments: Tensor | None = None

    @classmethod
    def of_documents(
        cls, documents: Sequence[Sequence[tuple[int, int, int]]], cu_rows: Tensor
    ) -> MentionRows:
        """From (first row, last row, type) of the mentions of each document.

        Rows are counted within the document here, the last one inclusive; ``cu_rows int32 [B + 1]``
        are the documents' rows in the batch.
        """
        counts = np.array([len(mentions) for mentions in documents], np.int64)
        flat = [mention for mentions in documents for mention in mentions]
        columns = np.array(flat, np.int64).reshape(-1, 3)
        columns[:, :2] += np.repeat(cu_rows[:-1].numpy().astype(np.int64), counts)[:, None]
        cu = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        first, last, kind = (torch.from_numpy(column.copy()) for column in columns.T)
        return cls(first, last, kind, torch.from_numpy(cu), cu_rows)

    def __len__(self) -> int:
        return len(self.first)

    def to(self, device: torch.device | str) -> MentionRows:
        """The same on another device; the bounds stay on the host."""
        first, last, kind = (
            t.to(device, non_blocking=True) for t in (self.first, self.last, self.type)
        )
        return MentionRows(first, last, kind, self.cu, self.cu_rows, self.cu_segments)


class MentionPairHead(Protocol):
    """What relation heads over mentions have in common.

    ``x [N, H]`` are the rows of packed documents; ``pairs int64 [P, 3]`` the gold relations as
    (first row of the head, first row of the tail, class in ``schema.relations``). Pairs of which a
    mention is not among ``mentions`` are ignored.
    """

    def loss(self, x: Tensor, mentions: MentionRows, pairs: Tensor) -> Tensor:
        """A scalar to be minimised; 0 where nothing could be related."""
        ...

    def decode(self, x: Tensor, mentions: MentionRows) -> list[Related]:
        """The relations found, ordered by head, tail and class, within the schema."""
        ...

    def out_of_reach(self, mentions: MentionRows, pairs: Tensor) -> int:
        """How many of the pairs between these mentions the head can neither learn nor find."""
        ...


def allowed_classes(schema: Schema) -> np.ndarray:
    """Which class may join which head and tail type: bool ``[types, types, R]``, R with "none".

    "none" itself joins nothing here.
    """
    number = {name: index for index, name in enumerate(schema.entity_types)}
    place = {relation: index for index, relation in enumerate(schema.relations)}
    allowed = np.zeros((len(number), len(number), len(schema.relations)), bool)
    triples = [
        (number[head], number[tail], place[relation])
        for relation, arguments in schema.arguments.items()
        for head, tail in arguments
    ]
    if triples:
        allowed[tuple(np.array(triples).T)] = True
    return allowed


def candidate_pairs(
    mentions: MentionRows, allowed: np.ndarray, max_distance: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The ordered pairs of different mentions of one document that may be related.

    ``allowed`` bool ``[types, types]`` says which head and tail types go together;
    ``max_distance`` bounds the distance of their first rows (None: any). Returns ``head`` and
    ``tail``, int64 ``[P]``, mention indices ordered by head, then tail. Memory beside the result
    is that of the largest document; with a bound it grows with the mentions, not with their square.
    """
    if max_distance is not None:
        return _near_pairs(mentions, allowed, max_distance)
    kind = mentions.type.cpu().numpy()
    heads, tails = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start, end in pairwise(mentions.cu.tolist()):
        if end - start < 2:
            continue
        kinds = kind[start:end]
        joined = allowed[np.ix_(kinds, kinds)]
        np.fill_diagonal(joined, False)
        head, tail = np.nonzero(joined)
        heads.append(head + start)
        tails.append(tail + start)
    return np.concatenate(heads), np.concatenate(tails)


def _near_pairs(
    mentions: MentionRows, allowed: np.ndarray, max_distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`candidate_pairs` with a bound: each mention meets a stretch of those around it."""
    first, kind = mentions.first.cpu().numpy(), mentions.type.cpu().numpy()
    cu = mentions.cu.numpy().astype(np.int64)
    order = np.argsort(first, kind="stable")  # documents stay one after another
    least, most = (np.repeat(bound, np.diff(cu)) for bound in (cu[:-1], cu[1:]))
    start = np.searchsorted(first[order], first - max_distance, "left").clip(least, most)
    end = np.searchsorted(first[order], first + max_distance, "right").clip(least, most)
    count = end - start
    head = np.repeat(np.arange(len(first)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    tail = order[np.repeat(start, count) + within]
    joined = allowed[kind[head], kind[tail]] & (head != tail)
    head, tail = head[joined], tail[joined]
    by_tail = np.lexsort((tail, head))
    return head[by_tail], tail[by_tail]


def related_mentions(mentions: MentionRows, pairs: Tensor, allowed: np.ndarray) -> np.ndarray:
    """Gold pairs by first rows -> by mentions: int64 ``[K, 3]``, head, tail, class.

    ``allowed`` is that of :func:`allowed_classes`. Pairs of which a mention is not there are left
    out. Where several mentions begin in a row, those are meant whose types the class may join
    (failing that, the first).
    """
    beginning: dict[int, list[int]] = {}
    for index, row in enumerate(mentions.first.tolist()):
        beginning.setdefault(row, []).append(index)
    kinds = mentions.type.tolist()
    related = []
    for head_row, tail_row, relation in pairs.tolist():
        ends = (beginning.get(head_row, ()), beginning.get(tail_row, ()))
        meant = [(head, tail) for head, tail in product(*ends) if head != tail]
        fitting = [(h, t) for h, t in meant if allowed[kinds[h], kinds[t], relation]]
        related += [(head, tail, relation) for head, tail in fitting or meant[:1]]
    return np.array(related, np.int64).reshape(-1, 3)


def gold_candidates(
    mentions: MentionRows, pairs: Tensor, allowed: np.ndarray, head: np.ndarray, tail: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Which candidates the gold pairs are: candidate and class of each, and how many are none.

    ``head`` and ``tail`` are those of :func:`candidate_pairs`, ``pairs`` and ``allowed`` as for
    :func:`related_mentions`. A gold pair is none where its mentions are too far apart, or where the
    schema does not let its class join their types.
    """
    related = related_mentions(mentions, pairs, allowed)
    kind = mentions.type.cpu().numpy()
    fits = allowed[kind[related[:, 0]], kind[related[:, 1]], related[:, 2]]
    # Candidates are ordered by head, then tail, and these numbers likewise.
    number = head * len(mentions) + tail
    wanted = related[:, 0] * len(mentions) + related[:, 1]
    row = np.searchsorted(number, wanted)
    fits &= np.append(number, -1)[row] == wanted
    return row[fits], related[fits, 2], int((~fits).sum())


def row_kinds(mentions: MentionRows, rows: int) -> np.ndarray:
    """What mention each row of the batch is in, int64 ``[rows]``: an index into embeddings.

    0 outside mentions, ``1 + 2 t`` at the first row of one of type ``t``, ``2 + 2 t`` at its
    others. A row of several overlapping ones counts to the longest.
    """
    first, last = mentions.first.cpu().numpy(), mentions.last.cpu().numpy()
    kinds = np.zeros(rows, np.int64)
    order = np.argsort(last - first, kind="stable").tolist()
    codes = (1 + 2 * mentions.type.cpu().numpy()).tolist()
    for index in order:
        kinds[first[index]] = codes[index]
        kinds[first[index] + 1 : last[index] + 1] = codes[index] + 1
    return kinds
