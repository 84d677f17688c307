"""One optimizer step, and reading its losses late enough that the host never waits for a device."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from jnrf.data.batches import Batch, RemoteBatch
from jnrf.device import use_bf16
from jnrf.training.checkpoint import RunState
from jnrf.training.config import TrainConfig
from jnrf.training.optim import clip_gradients
from jnrf_ext import JNRF
from jnrf_ext.errors import InputError

if TYPE_CHECKING:
    from jnrf.training.distributed.step import Shared


@dataclass
class Outcome:
    """What a step says of itself."""

    #: Of each batch: loss, tag loss, relation loss
    losses: list[list[float]]
    #: Of the gradient, before clipping
    norm: float
    #: Selected tokens that the relation layers had no room for
    dropped: int
    #: A process was asked to stop
    stop: bool = False

    @property
    def mean_losses(self) -> list[float]:
        """Loss, tag loss and relation loss, a batch."""
        return [sum(column) / len(self.losses) for column in zip(*self.losses, strict=True)]


class Step:
    """An optimizer step that was given to the device, which may still be at it."""

    def __init__(
        self,
        group: Sequence[Batch | RemoteBatch],
        began: float,
        learning_rate: float | Tensor,
        values: list[Tensor],
    ):
        """``values`` are each batch's three losses, the norm, the count of dropped tokens, and, of
        several processes, how many were asked to stop."""
        self.group = group
        self.tokens = sum(batch.tokens for batch in group)
        self.began = began
        self.learning_rate = learning_rate
        self._values, self._ready = copy_to_host(torch.cat(values))

    def outcome(self) -> Outcome:
        """What came of it, for which this waits."""
        if self._ready is not None:
            self._ready.synchronize()
        values = self._values.tolist()
        count = 3 * len(self.group)
        rows = [values[i : i + 3] for i in range(0, count, 3)]
        norm, dropped, *stop = values[count:]
        return Outcome(rows, norm, int(dropped), any(stop))


def copy_to_host(values: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """``values`` on the host, complete once the event, if there is one, has happened."""
    if not values.is_cuda:
        return values, None
    copy = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    copy.copy_(values, non_blocking=True)
    ready = torch.cuda.Event()
    ready.record()
    return copy, ready


def batch_losses(model: JNRF, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
    """The loss to descend; loss, tag loss and relation loss, ``float64 [3]``; what was dropped."""
    output = model(
        batch.input_ids,
        batch.cu_seqlens,
        surface=batch.surface,
        tags=batch.tags,
        pairs=batch.pairs,
        layout=batch.layout,
        task=batch.task,
    )
    parts = torch.stack([output.loss, output.tag_loss, output.relation_loss])
    return output.loss, parts.detach().double(), output.dropped


def take_step(
    model: JNRF,
    optimizer: torch.optim.Optimizer,
    group: Sequence[Batch | RemoteBatch],
    config: TrainConfig,
    shared: Shared | None = None,
) -> Step:
    """One optimizer step on the mean gradient of ``group``.

    With ``shared``, ``model`` among several processes, each computes its own of the batches, and
    all take the same step. The weights stay as they are where the loss or the gradient is not
    finite. Off the CPU that is decided on the device, and holds for all later steps too: nothing
    here waits for it.
    """
    began = time.monotonic()
    device = model.device
    bf16 = use_bf16(config.run.bf16, device)
    own: list[tuple[int, Batch | None]] = [
        (place, batch) for place, batch in enumerate(group) if isinstance(batch, Batch)
    ]
    losses, dropped = [], torch.zeros(1, dtype=torch.float64, device=device)
    for place, batch in own or [(0, None)]:
        if batch is not None:
            batch = batch.to(device)
            if batch.seed is not None:
                torch.manual_seed(batch.seed)
        with shared.together(last=batch is None or place == own[-1][0]) if shared else _NOTHING:
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                if shared:
                    loss, parts, found = shared.losses(batch)
                else:  # all batches are its own
                    loss, parts, found = batch_losses(model, cast(Batch, batch))
            # By this thread: handing it to autograd's own for a device, and waiting, takes longer
            # than some layers do.
            with torch.autograd.set_multithreading_enabled(False):
                (loss * shared.scale(len(group)) if shared else loss / len(group)).backward()
        losses.append((place, parts))
        if found is not None:
            dropped += found
    norm = clip_gradients(optimizer, config.optim)
    learning_rate = optimizer.param_groups[0]["lr"]
    if shared:
        all_losses, *rest = shared.add_up(losses, len(group), dropped)
    else:
        all_losses, *rest = torch.cat([parts for _, parts in losses]), dropped
    values = [all_losses, norm.double().view(1), *rest]
    step = Step(group, began, learning_rate, values)
    if device.type != "cpu":
        skip_unless_finite(optimizer, all_losses[::3].sum() + norm)
        optimizer.step()
    elif is_finite(step.outcome()):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return step


_NOTHING = nullcontext()


def is_finite(outcome: Outcome) -> bool:
    """Whether loss and gradient are numbers to go by."""
    return all(math.isfinite(x) for x in (outcome.norm, *(loss for loss, *_ in outcome.losses)))


def skip_unless_finite(optimizer: torch.optim.Optimizer, value: Tensor) -> None:
    """Have the fused optimizer do nothing, from now on, once a value was not finite."""
    wrong = (~torch.isfinite(value)).float()
    before = getattr(optimizer, "found_inf", None)
    found = wrong if before is None else torch.maximum(wrong, before)
    optimizer.found_inf = found  # type: ignore[attr-defined] # known to fused optimizers alone


def check_finite(step: Step, outcome: Outcome, config: TrainConfig, state: RunState) -> None:
    """Stop with an InputError where the loss or the gradient of the next step was not finite."""
    for batch, (loss, *_) in zip(step.group, outcome.losses, strict=True):
        if not math.isfinite(loss):
            raise not_finite("loss", loss, batch, config, state)
    if not math.isfinite(outcome.norm):
        raise not_finite("gradient", outcome.norm, step.group[-1], config, state)


def not_finite(
    what: str, value: float, batch: Batch | RemoteBatch, config: TrainConfig, state: RunState
) -> InputError:
    """The error for a loss or a gradient that is infinite or no number."""
    names = ", ".join(document.id for document in batch.documents[:3])
    remedies = [f"a lower optim.lr (now {config.optim.lr:g})"]
    if not 0 < config.optim.clip_norm <= 1:
        remedies.append(f"clipping by optim.clip_norm 1 (now {config.optim.clip_norm:g})")
    if config.run.bf16 != "never":
        remedies.append("run.bf16 never")
    return InputError(
        f"the {what} is {value} at step {state.step + 1} (epoch {state.epoch + 1}, document "
        f"{names}); start another run with {', or '.join(remedies)}"
    )


class StepsUnderWay:
    """Steps whose outcome is not booked yet: none on a CPU; elsewhere the latest.

    Reading an outcome waits for the device. Read when the next step was given to it already, it
    has that one to work on meanwhile.
    """

    def __init__(self, device: torch.device, book: Callable[[Step, Outcome, float], None]):
        """``book`` is given each step in turn, its outcome, and the seconds that it took."""
        self._most = 0 if device.type == "cpu" else 1
        self._book = book
        self._steps: deque[Step] = deque()
        self._booked_at = 0.0

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def tokens(self) -> int:
        """Wordpieces of the steps under way."""
        return sum(step.tokens for step in self._steps)

    def add(self, step: Step) -> None:
        """Another step; books those before it that are not to be under way any longer."""
        self._steps.append(step)
        self._book_down_to(self._most)

    def finish(self) -> None:
        """Book all of them."""
        self._book_down_to(0)

    def _book_down_to(self, left: int) -> None:
        while len(self._steps) > left:
            step = self._steps.popleft()
            outcome = step.outcome()
            now = time.monotonic()
            seconds = now - max(step.began, self._booked_at)
            self._booked_at = now
            self._book(step, outcome, seconds)
