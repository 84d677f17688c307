"""The folder of a run: what it holds, when it may be started in, and when it can be resumed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from jnrf.training import settings
from jnrf.training.config import TrainConfig
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

#: Settings that a resumed run may change without becoming another run.
FREE_ON_RESUME = (
    "run.out",
    "run.device",
    "run.checkpoint_every",
    "run.tensorboard",
    # The batches of a step must stay as many: check_step_batches.
    "optim.accumulate",
)


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run's folder."""

    root: Path

    @property
    def config(self) -> Path:
        """The settings, with a comment each."""
        return self.root / "config.yaml"

    @property
    def remarks(self) -> Path:
        """What was said of the run, warnings first, a line each."""
        return self.root / "remarks.txt"

    def add_remark(self, line: str) -> None:
        """Add a line to the remarks, unless it is there: a resumed run may come to it again."""
        lines = self.read_remarks()
        if line not in lines:
            write_atomically(self.remarks, "".join(f"{each}\n" for each in (*lines, line)))

    def read_remarks(self) -> list[str]:
        """The lines of the remarks; none where a run of before them was resumed."""
        if not self.remarks.exists():
            return []
        return self.remarks.read_text(encoding="utf-8").split("\n")[:-1]

    @property
    def metrics(self) -> Path:
        """A JSON object an epoch."""
        return self.root / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """Scores and costs; written last, so that its presence says that the run is complete."""
        return self.root / "summary.json"

    @property
    def best(self) -> Path:
        """The model of the best epoch."""
        return self.root / "best"

    @property
    def last(self) -> Path:
        """The model of the last checkpoint, with what continues it."""
        return self.root / "last"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's files."""
        return self.root / "tensorboard"

    @property
    def predictions(self) -> Path:
        """brat files of the best model, a folder each for dev and test."""
        return self.root / "predictions"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"


def open_folder(out: str | None, resume: bool) -> RunFolder:
    """The folder of a new run, which must hold none yet, or of one to resume, which must."""
    if not out:
        raise InputError(
            "which run to resume? give --out RUN" if resume else "where to? give --out RUN"
        )
    folder = RunFolder(Path(out))
    if folder.root.exists() and not folder.root.is_dir():
        raise InputError(f"{out} is a file; give a folder as --out")
    if resume and not folder.config.is_file():
        raise InputError(f"{out} holds no run to resume (no config.yaml); leave --resume away")
    if not resume and folder.config.exists():
        raise InputError(
            f"{out} already holds a run; continue it with --resume, or give another --out"
        )
    return folder


def resumed_config(out: str | None, given: dict[str, str]) -> TrainConfig:
    """The settings of the run in ``out``; what is given beside must not make it another run."""
    saved = settings.read_yaml(open_folder(out, resume=True).config)
    # A run of before this setting took texts without annotations as empty.
    saved.setdefault("data", {}).setdefault("unannotated", "empty")
    before = TrainConfig.from_dict(saved)
    after = TrainConfig.from_dict(settings.merge(saved, given | {"run.out": out}))
    for section in dataclasses.fields(TrainConfig):
        old, new = getattr(before, section.name), getattr(after, section.name)
        for setting in dataclasses.fields(old):
            key, was, now = (
                f"{section.name}.{setting.name}",
                *(getattr(x, setting.name) for x in (old, new)),
            )
            if was != now and key not in FREE_ON_RESUME:
                raise InputError(
                    f"{key}: the run in {out} has {was}, not {now}; leave it out to resume, "
                    "or start another run in another folder"
                )
    return after


def check_step_batches(folder: RunFolder, before: int, accumulate: int, processes: int) -> None:
    """Raise an InputError where steps of a resumed run would take more or fewer batches.

    ``before`` is what its checkpoint says that they took; where that is 0, config.yaml says it.
    """
    if not before:
        saved = TrainConfig.from_dict(settings.read_yaml(folder.config))
        before = saved.optim.accumulate
    if accumulate * processes == before:
        return
    way = "optim.accumulate x processes"
    raise InputError(
        f"the run in {folder.root} takes {before} batches a step ({way}), not {accumulate} x "
        f"{processes}; resume it with "
        + (
            f"--optim.accumulate {before // processes}"
            if before % processes == 0
            else f"a number of processes that divides {before}"
        )
    )
