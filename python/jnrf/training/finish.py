"""The end of a run: the best model's scores, its predictions, the summary and the page."""

from __future__ import annotations

import dataclasses
import json
import time

import torch

from jnrf.report.page import write_page
from jnrf.scoring.errors import ErrorAnalysis, analyse
from jnrf.scoring.metrics import all_metrics
from jnrf.scoring.scores import Scores
from jnrf.training import evaluation
from jnrf.training.checkpoint import RunState
from jnrf.training.config import TrainConfig
from jnrf.training.data import tokenizer_of
from jnrf.training.distributed.team import ALONE, Team
from jnrf.training.log import read_rows
from jnrf.training.prepare import Prepared
from jnrf.training.resources import count_parameters, peak_memory_bytes
from jnrf.training.run_folder import RunFolder
from jnrf.training.summary import RunSummary, read_summary
from jnrf_ext import JNRF
from jnrf_ext.documents.brat_names import BratNames
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.files import UNFINISHED, write_atomically

__all__ = ["RunSummary", "finish", "read_summary"]

MODES = ("corrected", "official")
#: Errors of each cause that the page shows in their text
_EXAMPLES = 3


def finish(
    config: TrainConfig,
    folder: RunFolder,
    state: RunState,
    prepared: Prepared,
    team: Team = ALONE,
) -> RunSummary:
    """Score the best model on dev and test, and write predictions, page and, last, the summary.

    The processes of a ``team`` share the prediction; its leader does the rest.
    """
    device = next(prepared.model.parameters()).device
    team.wait()  # until best/ is in place
    model = JNRF.from_pretrained(folder.best, device=device)
    predictions: dict[str, tuple[list[Document], float]] = {}
    for name, gold in (("dev", prepared.dev), ("test", prepared.test)):
        if gold:
            start = time.perf_counter()
            predicted = evaluation.predict(model, gold, team=team)
            predictions[name] = predicted, time.perf_counter() - start
    memory = max(team.gather(peak_memory_bytes(torch.device("cpu"))))
    cuda = max(team.gather(peak_memory_bytes(device))) if device.type == "cuda" else None

    def write() -> RunSummary:
        summary = _costs(folder, state, prepared, device, team)
        summary.peak_process_bytes, summary.peak_cuda_bytes = memory, cuda
        return _write(config, folder, state, prepared, model, predictions, summary)

    return team.of_leader(write)


def _write(
    config: TrainConfig,
    folder: RunFolder,
    state: RunState,
    prepared: Prepared,
    model: JNRF,
    predictions: dict[str, tuple[list[Document], float]],
    summary: RunSummary,
) -> RunSummary:
    """Score the ``predictions``, given with the seconds they took, and write all files."""
    page_scores: dict[str, Scores] = {}
    page_errors: dict[str, ErrorAnalysis] = {}
    names = BratNames()  # what it changes is told as training starts
    shown: list[tuple[Document, Document]] = []
    for name, gold in (("dev", prepared.dev), ("test", prepared.test)):
        if not gold:
            continue
        predicted, seconds = predictions[name]
        summary.prediction_seconds += seconds
        summary.prediction_tokens += _wordpieces(model, gold)
        for document in predicted:
            # Sentences make thousands of files: not each waits for the disk.
            path = folder.predictions / name / f"{document.id}.ann"
            write_atomically(path, to_brat(names.fit(document)), durable=False)
        summary.headlines[name], summary.scores[name] = {}, {}
        for mode in MODES:
            scores = evaluation.score(gold, predicted, mode)
            summary.headlines[name][mode] = evaluation.headlines(scores)
            summary.scores[name][mode] = scores.to_dict()
            page_scores[f"{name}, {mode}"] = scores
        summary.metrics[name] = all_metrics(gold, predicted, tokens="words")
        if name == "dev":
            shown = list(zip(gold, predicted, strict=True))
        # The page has the texts of dev documents, and of no others.
        page_errors[name] = analyse(gold, predicted, _EXAMPLES if name == "dev" else 0)
    _finish_costs(summary, state)
    data = dataclasses.asdict(summary)
    write_page(
        folder.report,
        title=f"Training run {folder.root.resolve().name}",
        settings=config.to_dict(),
        history=read_rows(folder.metrics),
        scores=page_scores,
        documents=shown,
        errors=page_errors,
        summary={k: v for k, v in data.items() if k not in ("scores", "headlines", "metrics")},
        remarks=folder.read_remarks(),
    )
    for path in folder.root.rglob(UNFINISHED):
        path.unlink(missing_ok=True)  # of a process that was killed
    write_atomically(folder.summary, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return summary


def _costs(
    folder: RunFolder, state: RunState, prepared: Prepared, device: torch.device, team: Team
) -> RunSummary:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    if not team.alone:
        cuda = device.type == "cuda"
        name = f"{team.size} x {name}" if cuda else f"{name} ({team.size} processes)"
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
        documents=prepared.documents,
        held_out=prepared.held_out,
        finds_relations=prepared.finds_relations,
        relations_ignored=prepared.relations_ignored,
    )


def _wordpieces(model: JNRF, documents: list[Document]) -> int:
    """How many the texts have, counted apart from what is timed."""
    tokenizer = tokenizer_of(model)
    return sum(map(len, (tokenizer.encode(document.text) for document in documents)))


def _finish_costs(summary: RunSummary, state: RunState) -> None:
    """What is known only after prediction: its speed, and the most memory held by then."""
    if summary.prediction_tokens:
        speed = summary.prediction_tokens / max(summary.prediction_seconds, 1e-9)
        summary.prediction_tokens_per_second = round(speed, 1)
    summary.prediction_seconds = round(summary.prediction_seconds, 3)
    # A resumed run may have held more before it was interrupted.
    if summary.peak_cuda_bytes is not None:
        summary.peak_cuda_bytes = max(state.peak_memory_bytes, summary.peak_cuda_bytes)
    elif summary.peak_process_bytes is not None:
        summary.peak_process_bytes = max(state.peak_memory_bytes, summary.peak_process_bytes)
