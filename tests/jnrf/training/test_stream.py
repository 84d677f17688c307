"""The steps of an epoch: the same batches however many processes share them."""

from __future__ import annotations

import pytest
import torch
from small_documents import SCHEMA, document, train_tokenizer

from jnrf.data.batches import Batch, RemoteBatch
from jnrf.data.examples import encode_document
from jnrf.training.config import TrainConfig
from jnrf.training.distributed.launch import Launch
from jnrf.training.distributed.team import Team
from jnrf.training.stream import steps

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples():
    tokenizer = train_tokenizer()
    texts = ["mg aspirin " * (1 + 7 * n % 11) for n in range(23)]
    made = [document(text=text) for text in texts]
    for number, doc in enumerate(made):
        doc.id = str(number)
    return [encode_document(doc, tokenizer, SCHEMA) for doc in made]


def config(accumulate: int, max_tokens: int = 12) -> TrainConfig:
    return TrainConfig.from_dict(
        {"optim": {"accumulate": accumulate}, "run": {"max_tokens": max_tokens, "seed": 3}}
    )


def names(batch) -> list[str]:
    return [doc.id for doc in batch.documents]


def of_rank(examples, rank, size, accumulate, epoch=1, skip=0):
    team = Team(Launch(rank, size, rank))
    return list(steps(examples, config(accumulate), epoch, skip, team, CPU))


@pytest.mark.parametrize(("size", "accumulate"), [(2, 1), (2, 2), (3, 1), (4, 3)])
def test_processes_share_the_batches_of_one_that_accumulates_as_many(examples, size, accumulate):
    alone = of_rank(examples, 0, 1, size * accumulate)
    shared = [of_rank(examples, rank, size, accumulate) for rank in range(size)]
    assert all(len(taken) == len(alone) for taken in shared)
    for whole, *parts in zip(alone, *shared, strict=True):
        for part in parts:
            assert [names(batch) for batch in part] == [names(batch) for batch in whole]
            assert [batch.tokens for batch in part] == [batch.tokens for batch in whole]
        for batch, *places in zip(whole, *parts, strict=True):
            (own,) = (place for place in places if isinstance(place, Batch))
            assert own.seed == batch.seed is not None
            assert torch.equal(own.input_ids, batch.input_ids)
            assert sum(isinstance(place, RemoteBatch) for place in places) == size - 1
        assert max(sum(isinstance(b, Batch) for b in part) for part in parts) <= accumulate


def test_batches_have_seeds_of_their_own_in_every_epoch(examples):
    seeds = [
        batch.seed
        for epoch in range(3)
        for group in of_rank(examples, 0, 1, 2, epoch)
        for batch in group
    ]
    assert len({*seeds}) == len(seeds) > 20


def test_what_is_skipped_changes_nothing_of_the_rest(examples):
    whole = of_rank(examples, 0, 1, 2)
    rest = of_rank(examples, 0, 1, 2, skip=4)
    assert [[(names(b), b.seed) for b in group] for group in rest] == [
        [(names(b), b.seed) for b in group] for group in whole[2:]
    ]


def test_for_cuda_batches_are_pinned_ahead(examples, monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    (first, *_), *_ = steps(examples, config(2), 0, 0, Team(), torch.device("cuda"))
    assert any(tensor is first.input_ids for tensor in pinned)
    assert any(tensor is first.pairs for tensor in pinned)
    assert first.seed is not None
