"""What a run leaves in summary.json: its scores and what it cost. Loads no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from rich import box
from rich.table import Table

from jnrf.training.progress import duration
from jnrf.training.run_folder import RunFolder
from jnrf_ext.errors import InputError


@dataclass
class RunSummary:
    """What summary.json holds: the outcome of a run and what it cost."""

    folder: str
    epochs: int
    best_epoch: int
    metric: str
    device: str
    parameters: dict[str, int]
    tokens_per_epoch: int
    #: Training alone, without scoring
    seconds: float
    seconds_per_epoch: float
    tokens_per_second: float
    #: CUDA's where it was used, else the process's resident set
    peak_memory_bytes: int
    energy_joules: float | str
    #: The four headline F1 by document set and scorer mode
    headlines: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    #: All scores by document set and scorer mode
    scores: dict[str, dict[str, dict]] = field(default_factory=dict)
    #: The other scores in use (:func:`jnrf.scoring.metrics.all_metrics`) by document set
    metrics: dict[str, dict] = field(default_factory=dict)
    #: Extraction from the dev and test documents: wordpieces, and seconds with all that belongs
    prediction_tokens: int = 0
    prediction_seconds: float = 0.0
    prediction_tokens_per_second: float = 0.0
    #: Of the process that ended the run, scoring included; and of CUDA, None where not used
    peak_process_bytes: int | None = None
    peak_cuda_bytes: int | None = None
    #: Documents in train, dev and test; how many of dev were held out of the training folder
    documents: dict[str, int] = field(default_factory=dict)
    held_out: int = 0
    #: Not where the system, or the training documents, have none
    finds_relations: bool = True
    #: Relations of the training documents that such a system ignored
    relations_ignored: int = 0

    def table(self) -> Table:
        """The headline scores, for a terminal."""
        table = Table(box=box.SIMPLE, title=f"Best epoch {self.best_epoch}", title_justify="left")
        tasks = ("mentions", "relations") if self.finds_relations else ("mentions",)
        table.add_column("micro F1")
        for task in tasks:
            table.add_column(f"{task} lenient", justify="right")
            table.add_column("strict", justify="right")
        for name, modes in self.headlines.items():
            for mode, values in modes.items():
                order = [f"{task}_{match}" for task in tasks for match in ("lenient", "strict")]
                table.add_row(f"{name}, {mode}", *(f"{values[key]:.4f}" for key in order))
        return table

    def explanation(self) -> list[str]:
        """The words of :meth:`table`, a line each."""
        lines = ["strict: type and both ends agree; lenient: type, and at least one character"]
        if any(mode == "official" for modes in self.headlines.values() for mode in modes):
            lines.append(
                "corrected: each prediction counts for one gold item; official: the 2018 n2c2 "
                "script's figures, quirks included, as published ones are"
            )
        if self.held_out:
            lines.append(
                f"dev: {self.held_out:,} documents held out of the training folder; they also "
                "chose the best epoch, so expect a little less on new notes"
            )
        if not self.finds_relations:
            lines.append(self.no_relations())
        for name, modes in self.headlines.items():
            if not any(values["mentions_lenient"] for values in modes.values()):
                lines.append(
                    f"no mention of {name} was found: such a model finds little or nothing yet; "
                    "train longer (--run.epochs), or on more documents"
                )
        return lines

    def no_relations(self) -> str:
        """One line on a model that finds mentions alone."""
        ignored = self.relations_ignored
        return "this model finds mentions only, no relations" + (
            f" ({ignored:,} relations of the training documents were ignored)" if ignored else ""
        )

    def costs(self) -> str:
        """Time, speed and memory in one line."""
        energy = self.energy_joules
        return (
            f"{self.epochs} epoch{'s' * (self.epochs != 1)} in {duration(self.seconds)} "
            f"({self.seconds_per_epoch:.1f} s an epoch, {self.tokens_per_second:,.0f} "
            f"wordpieces/s) on {self.device}, peak memory "
            f"{self.peak_memory_bytes / 2**20:,.0f} MiB, energy "
            + (f"{energy / 3600:.1f} Wh" if isinstance(energy, float) else energy)
        )


def read_summary(folder: RunFolder) -> RunSummary:
    """The summary of a run that is complete."""
    try:
        return RunSummary(**json.loads(folder.summary.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder.summary} cannot be read ({error}); remove it to resume"
        ) from error
