"""The end of a run: the best model's scores, its predictions, the summary and the page."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

import torch
from rich import box
from rich.table import Table

from jnrf.report.page import write_page
from jnrf.scoring.scores import Scores
from jnrf.training import evaluation
from jnrf.training.checkpoint import RunState
from jnrf.training.config import TrainConfig
from jnrf.training.log import read_rows
from jnrf.training.prepare import Prepared
from jnrf.training.progress import duration
from jnrf.training.resources import count_parameters
from jnrf.training.run_folder import RunFolder
from jnrf_ext import JNRF
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.standoff import to_brat

MODES = ("corrected", "official")


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

    def table(self) -> Table:
        """The headline scores, for a terminal."""
        table = Table(box=box.SIMPLE, title=f"Best epoch {self.best_epoch}", title_justify="left")
        for column in ("micro F1", "mentions lenient", "strict", "relations lenient", "strict"):
            table.add_column(column, justify="left" if column == "micro F1" else "right")
        for name, modes in self.headlines.items():
            for mode, values in modes.items():
                order = ("mentions_lenient", "mentions_strict", "relations_lenient")
                cells = [f"{values[key]:.4f}" for key in (*order, "relations_strict")]
                table.add_row(f"{name}, {mode}", *cells)
        return table

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


def finish(
    config: TrainConfig, folder: RunFolder, state: RunState, prepared: Prepared
) -> RunSummary:
    """Score the best model on dev and test, and write predictions, page and, last, the summary."""
    device = next(prepared.model.parameters()).device
    model = JNRF.from_pretrained(folder.best, device=device)
    summary = _costs(folder, state, prepared, device)
    page_scores: dict[str, Scores] = {}
    shown: list[tuple[Document, Document]] = []
    for name, gold in (("dev", prepared.dev), ("test", prepared.test)):
        if not gold:
            continue
        predicted = evaluation.predict(model, gold)
        for document in predicted:
            write_atomically(folder.predictions / name / f"{document.id}.ann", to_brat(document))
        summary.headlines[name], summary.scores[name] = {}, {}
        for mode in MODES:
            scores = evaluation.score(gold, predicted, mode)
            summary.headlines[name][mode] = evaluation.headlines(scores)
            summary.scores[name][mode] = scores.to_dict()
            page_scores[f"{name}, {mode}"] = scores
        if name == "dev":
            shown = list(zip(gold, predicted, strict=True))
    data = dataclasses.asdict(summary)
    write_page(
        folder.report,
        title=f"Training run {folder.root.resolve().name}",
        settings=config.to_dict(),
        history=read_rows(folder.metrics),
        scores=page_scores,
        documents=shown,
        summary={k: v for k, v in data.items() if k not in ("scores", "headlines")},
    )
    write_atomically(folder.summary, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return summary


def _costs(
    folder: RunFolder, state: RunState, prepared: Prepared, device: torch.device
) -> RunSummary:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    energy = state.energy_joules
    return RunSummary(
        folder=str(folder.root),
        epochs=state.epoch,
        best_epoch=state.best_epoch if prepared.dev else state.epoch,
        metric=prepared.metric,
        device=name,
        parameters=count_parameters(prepared.model),
        tokens_per_epoch=prepared.tokens,
        seconds=round(state.all_seconds, 3),
        seconds_per_epoch=round(state.all_seconds / max(state.epoch, 1), 3),
        tokens_per_second=round(state.all_tokens / max(state.all_seconds, 1e-9), 1),
        peak_memory_bytes=state.peak_memory_bytes,
        energy_joules="not available" if energy is None else round(energy, 1),
    )


def read_summary(folder: RunFolder) -> RunSummary:
    """The summary of a run that is complete."""
    try:
        return RunSummary(**json.loads(folder.summary.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder.summary} cannot be read ({error}); remove it to resume"
        ) from error
