"""Checkpoints: model folders with, in last/, all that continues a run to the very same weights.

Nothing is pickled: tensors are in safetensors, the rest in JSON. A folder is replaced as a whole,
so that a kill at any moment leaves a complete one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from jnrf_ext.errors import InputError, system_reason
from jnrf_ext.files import write_atomically

STATE, TENSORS = "training_state.json", "training_state.safetensors"


@dataclass
class RunState:
    """Where a run stands; everything that the loop carries from one step to the next."""

    #: Of the training data: a run cannot go on with other data
    fingerprint: str = ""
    #: Finished epochs, and batches already used of the one under way
    epoch: int = 0
    batch: int = 0
    #: Optimizer steps taken
    step: int = 0
    #: The metric of the best epoch and, to break ties, the mean of all four headline scores
    best_score: list[float] | None = None
    best_epoch: int = 0
    scorings_without_gain: int = 0
    #: Length of metrics.jsonl: what was written after the checkpoint is written again
    log_bytes: int = 0
    #: Sums over the epoch under way: loss, tag loss, relation loss; wordpieces; seconds of steps
    losses: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    tokens: int = 0
    epoch_seconds: float = 0.0
    #: Selected tokens of that epoch that found no room in the relation layers
    dropped: int = 0
    #: Over the whole run so far
    all_tokens: int = 0
    all_seconds: float = 0.0
    peak_memory_bytes: int = 0
    energy_joules: float | None = None
    #: Scorings of dev in a row in which mentions, or relations, were at zero; what was told of it
    zero_scorings: dict[str, int] = field(default_factory=dict)
    told_zero: list[str] = field(default_factory=list)
    #: No epoch is left to train
    finished: bool = False
    #: Batches that a step takes, of all processes; 0 in checkpoints from before there were several
    step_batches: int = 0

    def count(
        self, losses: list[float], batches: int, tokens: int, seconds: float, dropped: int = 0
    ) -> None:
        """Book one step: its mean losses over ``batches`` batches, its wordpieces and seconds.

        ``dropped`` are the selected tokens that the relation layers had no room for.
        """
        self.step += 1
        self.batch += batches
        self.losses = [a + b * batches for a, b in zip(self.losses, losses, strict=True)]
        self.tokens += tokens
        self.all_tokens += tokens
        self.epoch_seconds += seconds
        self.all_seconds += seconds
        self.dropped += dropped

    def mean_losses(self) -> dict[str, float]:
        """The epoch's losses so far, a batch."""
        names = ("loss", "tag_loss", "relation_loss")
        return {name: x / max(self.batch, 1) for name, x in zip(names, self.losses, strict=True)}

    def judge(self, scores: dict[str, float], metric: str) -> None:
        """Compare an epoch's scores on dev with the best so far; the earlier of equals stays."""
        mean = sum(scores.values()) / len(scores)
        score = [mean if metric == "mean" else scores[metric], mean]
        if self.best_score is None or score > self.best_score:
            self.best_score, self.best_epoch = score, self.epoch + 1
            self.scorings_without_gain = 0
        else:
            self.scorings_without_gain += 1

    def close_epoch(self, log_bytes: int) -> None:
        """The epoch is scored and logged; the next one begins."""
        self.epoch += 1
        self.batch, self.tokens, self.epoch_seconds, self.dropped = 0, 0, 0.0, 0
        self.losses = [0.0, 0.0, 0.0]
        self.log_bytes = log_bytes


def replace_folder(target: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a new folder and put it in ``target``'s place.

    Between the two renames ``target`` is away, but then a complete ``target.new`` stands beside
    ``target.old``; :func:`recover` finishes the exchange. On an error ``target`` stays as it was.
    """
    recover(target)
    new, old = _beside(target)
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        write(new)
        _sync(new)
    except (OSError, InputError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        kept = (
            f"; the earlier {target} is kept, and --resume continues it" if target.exists() else ""
        )
        text = error if isinstance(error, InputError) else f"cannot write {target}: {error}"
        if isinstance(error, OSError):
            text = f"cannot write {target}: {system_reason(error)}"
        raise InputError(f"{text}{kept}") from error
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> bool:
    """Finish an exchange of folders that was cut short; whether ``target`` is there afterwards."""
    new, old = _beside(target)
    # The old one is moved away only once the new one is complete.
    if not target.exists() and old.exists():
        os.rename(new, target)
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
    return target.exists()


def _beside(target: Path) -> tuple[Path, Path]:
    return target.with_name(f"{target.name}.new"), target.with_name(f"{target.name}.old")


def _sync(folder: Path) -> None:
    """Have the names in ``folder`` reach the disk, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_state(folder: Path, optimizer: torch.optim.Optimizer, state: RunState) -> None:
    """Write what a model folder lacks to continue: the optimizer, and the position.

    Random numbers need no state: those of each batch start anew (:func:`batch_seed`).
    """
    saved = optimizer.state_dict()
    tensors = {
        f"optimizer.{index}.{name}": value.detach().cpu().contiguous()
        for index, values in saved["state"].items()
        for name, value in values.items()
    }
    data = {"run": dataclasses.asdict(state), "optimizer_groups": saved["param_groups"]}
    write_atomically(folder / TENSORS, save(tensors))
    write_atomically(folder / STATE, json.dumps(data))


def load_state(folder: Path, optimizer: torch.optim.Optimizer, fingerprint: str) -> RunState:
    """Inverse of :func:`save_state`: fills ``optimizer``.

    Earlier versions' checkpoints, which have the states of random generators too, can be read.
    ``fingerprint`` is that of the training data now; other data than the run's is an error.
    """
    for name in (STATE, TENSORS):
        try:
            (folder / name).open("rb").close()
        except OSError as error:  # nothing is wrong with the run itself
            reason = system_reason(error, "copy it there again")
            raise InputError(f"cannot read {folder / name}: {reason}, then --resume") from error
    try:
        data = json.loads((folder / STATE).read_text(encoding="utf-8"))
        tensors = load_file(folder / TENSORS)
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            part, _, rest = key.partition(".")
            if part == "optimizer":
                index, _, name = rest.partition(".")
                states.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": states, "param_groups": data["optimizer_groups"]})
        state = RunState(**data["run"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"{folder} cannot be continued from ({' '.join(str(error).split())[:200]}); "
            "start a new run in another folder"
        ) from error
    if state.fingerprint != fingerprint:
        raise InputError(
            f"the training documents are not those that {folder} was trained on; "
            "put those back, or start a new run in another folder"
        )
    return state
