"""The steps of an epoch: which batches each takes, and which process computes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import torch

from jnrf.data.batches import Batch, RemoteBatch, batch_seed, epoch_generator, pack, plan
from jnrf.data.examples import Example
from jnrf.training.config import TrainConfig
from jnrf.training.distributed.team import Team, partition


def steps(
    examples: Sequence[Example],
    config: TrainConfig,
    epoch: int,
    skip: int,
    team: Team,
    device: torch.device,
    entity_types: Sequence[str] = (),
) -> Iterator[list[Batch | RemoteBatch]]:
    """The batches of each step of an epoch, but for the first ``skip`` batches of it.

    Order and random numbers follow from the seed, the epoch and a batch's number in it alone: a
    resumed epoch goes on where it was, and it does not matter which process computes a batch. A
    step takes ``optim.accumulate`` batches for each process, the last one what is left. They are
    partitioned by their wordpieces, so that all processes end about together; only own ones are
    packed, and pinned where they go to CUDA. ``entity_types`` as for :func:`pack`.
    """
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # a thread begins with the first one
    seed, accumulate = config.run.seed, config.optim.accumulate
    numbered = enumerate(plan(examples, config.run.max_tokens, epoch_generator(seed, epoch)))
    planned = islice(numbered, skip, None)
    while group := list(islice(planned, accumulate * team.size)):
        sizes = [sum(map(len, chosen)) for _, chosen in group]
        own = {*partition(sizes, team.size, accumulate)[team.rank]}
        batches: list[Batch | RemoteBatch] = []
        for place, (number, chosen) in enumerate(group):
            if place not in own:
                batches.append(RemoteBatch(chosen))
                continue
            batch = replace(pack(chosen, entity_types), seed=batch_seed(seed, epoch, number))
            batches.append(batch.pin() if device.type == "cuda" else batch)
        yield batches
