"""One step of several processes: torch's DistributedDataParallel, and sums over all of them."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from jnrf.data.batches import Batch
from jnrf.training.distributed.team import Team
from jnrf.training.interrupt import StopRequest
from jnrf.training.step import batch_losses
from jnrf_ext import JNRF


class Shared:
    """A model that the processes of a team train, each on its share of the batches of a step.

    The weights become those of process 0. Afterwards they stay equal: all take the same steps on
    the same gradient, that of the mean over all batches.
    """

    def __init__(self, model: JNRF, team: Team, stop: StopRequest):
        self.team = team
        self.stop = stop
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*broadcast_buffers")
            self._module = DistributedDataParallel(
                _Losses(model),
                # Buffers are constants.
                broadcast_buffers=False,
                # Batches may be without relations, or of an auxiliary corpus. What no process used
                # has no gradient afterwards, as with one process, and so stays as it is.
                find_unused_parameters=True,
            )

    def losses(self, batch: Batch | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """As :func:`batch_losses`; of no batch the loss is 0, and moves no weight."""
        return self._module(batch)

    def scale(self, batches: int) -> float:
        """The weight of a batch in the mean over ``batches`` of all processes.

        DistributedDataParallel then divides by the number of processes.
        """
        return self.team.size / batches

    def together(self, last: bool) -> AbstractContextManager:
        """Around forward and backward: gradients are added up in the last one of a step alone."""
        return nullcontext() if last else self._module.no_sync()

    def add_up(
        self, losses: list[tuple[int, Tensor]], batches: int, dropped: Tensor
    ) -> list[Tensor]:
        """:func:`add_up` over the team, with whether this process was asked to stop."""
        return add_up(self.team, losses, batches, dropped, self.stop.requested)


def add_up(
    team: Team, losses: list[tuple[int, Tensor]], batches: int, dropped: Tensor, stop: bool
) -> list[Tensor]:
    """Of all processes: ``float64 [3 * batches]`` losses, ``[1]`` dropped, ``[1]`` asked to stop.

    ``losses`` are the three of each own batch with its place among all. Waits for no device.
    """
    values = torch.zeros(3 * batches + 2, dtype=torch.float64, device=dropped.device)
    for place, parts in losses:
        values[3 * place : 3 * place + 3] = parts
    values[-2:-1] = dropped
    values[-1:].fill_(float(stop))
    team.add_up(values)
    return [values[:-2], values[-2:-1], values[-1:]]


class _Losses(nn.Module):
    """A model as DistributedDataParallel wants it: of what it gives, the loss alone is descended.

    Other outputs, which reach weights that the loss does not, would have it wait for gradients
    that never come.
    """

    def __init__(self, model: JNRF):
        super().__init__()
        self.model = model
        self._first = next(p for p in model.parameters() if p.requires_grad)

    def forward(self, batch: Batch | None) -> tuple[Tensor, Tensor, Tensor | None]:
        if batch is None:
            return _Nothing.apply(self._first), self._first.new_zeros(3), None
        return batch_losses(self.model, batch)


class _Nothing(torch.autograd.Function):
    """A loss of 0 that gives a weight no gradient.

    A process without a batch takes part in adding up gradients by its backward pass.
    """

    @staticmethod
    def forward(ctx, weight: Tensor) -> Tensor:
        return weight.new_zeros(())

    @staticmethod
    def backward(ctx, grad: Tensor) -> None:
        return None
