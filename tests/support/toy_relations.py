"""Random rows and mentions whose relations the rows decide, to try relation heads on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from jnrf_ext.packing.mention_rows import MentionRows
from jnrf_ext.schema import Schema

SCHEMA = Schema.from_types(
    ["ADE", "Drug", "Reason"],
    {
        "ADE-Drug": [("ADE", "Drug")],
        "Both-Drug": [("ADE", "Drug"), ("Reason", "Drug")],
        "Reason-Drug": [("Reason", "Drug")],
    },
)
ADE, DRUG, REASON = range(3)
NO_PAIRS = torch.zeros(0, 3, dtype=torch.int64)


def bounds(*lengths: int) -> Tensor:
    """The bounds of packed documents of these lengths."""
    return torch.tensor([0, *lengths]).cumsum(0).int()


def toy(
    counts: list[int], width: int = 8, second: bool = True, dtype=torch.float32
) -> tuple[Tensor, MentionRows, Tensor]:
    """Rows, mentions and gold pairs of documents with so many mentions, of one or two rows each.

    Mentions are related where their last rows begin with the same numbers; with ``second`` an ADE
    has a second class where its sixth number is above 0.
    """
    generator = torch.Generator().manual_seed(0)
    rows = sum(counts) * 3
    x = torch.randn(rows, width, generator=generator, dtype=dtype)
    group = torch.randint(3, (rows,), generator=generator)
    x[:, :3] = 2 * functional.one_hot(group, 3).to(dtype)
    documents = [[(3 * i, 3 * i + i % 2, i % 3) for i in range(count)] for count in counts]
    mentions = MentionRows.of_documents(documents, bounds(*(3 * n for n in counts)))
    kinds, firsts, lasts = (t.tolist() for t in (mentions.type, mentions.first, mentions.last))
    pairs = []
    for start, end in pairwise(mentions.cu.tolist()):
        for head in range(start, end):
            for tail in range(start, end):
                fits = kinds[head] != DRUG and kinds[tail] == DRUG
                if not fits or group[lasts[head]] != group[lasts[tail]]:
                    continue
                classes = [1] if kinds[head] == ADE else [3]
                if second and kinds[head] == ADE and x[lasts[head], 5] > 0:
                    classes.append(2)
                pairs += [[firsts[head], firsts[tail], relation] for relation in classes]
    return x, mentions, torch.tensor(pairs, dtype=torch.int64).reshape(-1, 3)


def by_rows(found: list[tuple], mentions: MentionRows) -> list[list[int]]:
    """What a head decoded, in the form of gold pairs, sorted."""
    first = mentions.first.tolist()
    return sorted([first[head], first[tail], relation] for head, tail, relation, _ in found)


def one_by_one(x: Tensor, mentions: MentionRows, pairs: Tensor) -> Iterator[tuple]:
    """The documents of a batch as batches of their own, and the index of their first mention."""
    documents = zip(
        pairwise(mentions.cu.tolist()), pairwise(mentions.cu_rows.tolist()), strict=True
    )
    for (start, end), (low, high) in documents:
        columns = (mentions.first - low, mentions.last - low, mentions.type)
        alone = MentionRows(
            *(column[start:end] for column in columns), bounds(end - start), bounds(high - low)
        )
        own = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)] - torch.tensor([low, low, 0])
        yield x[low:high], alone, own, start
