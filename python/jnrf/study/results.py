"""The runs of a study that are done, and what they come to: means, spreads and differences."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jnrf.study.counts import DocumentSets, document_counts, read_predictions
from jnrf.study.definition import Study
from jnrf.study.metrics import Metric
from jnrf.study.plan import Run
from jnrf.study.significance import randomization_test
from jnrf.training.log import read_rows
from jnrf.training.run_folder import RunFolder
from jnrf.training.summary import RunSummary, read_summary
from jnrf_ext.errors import InputError


@dataclass(frozen=True)
class Statistic:
    """A mean over runs, and the standard deviation (n - 1) beside it; None of a single run."""

    mean: float
    deviation: float | None
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistic:
        """Of at least one value."""
        spread = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), spread, len(values))


@dataclass(frozen=True)
class Difference:
    """A system's headline figure less the baseline's, paired by fold and seed."""

    statistic: Statistic
    #: Of the approximate randomisation test; None where the metric has no counts to exchange
    p: float | None


@dataclass
class Result:
    """A run that is done."""

    run: Run
    summary: RunSummary
    history: list[dict]


@dataclass
class Results:
    """All that the tables are made from."""

    study: Study
    runs: list[Run]
    done: list[Result]
    #: What failed, and its last words
    failed: list[tuple[Run, str]] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Whether runs are missing."""
        return len(self.done) < len(self.runs)

    def of(self, corpus: str, system: str) -> list[Result]:
        """The results of a system on a corpus."""
        return [r for r in self.done if (r.run.corpus, r.run.system) == (corpus, system)]

    def figures(
        self, corpus: str, system: str, documents: str, metric: Metric
    ) -> dict[str, Statistic]:
        """The statistic of each of the metric's figures; empty where no run is done."""
        values = [metric.values(r.summary, documents) for r in self.of(corpus, system)]
        if not values:
            return {}
        return {name: Statistic.of([v[name] for v in values]) for name in metric.figures}


class Reader:
    """Reads a study's results again and again, each run and document but once."""

    def __init__(self, study: Study, runs: list[Run]):
        self.study, self.runs = study, runs
        self._documents = DocumentSets()
        self._results: dict[Path, Result] = {}
        self._counts: dict[tuple[str, str, str], np.ndarray] = {}

    def read(self) -> Results:
        """The results as they are now."""
        results = Results(self.study, self.runs, [])
        for run in self.runs:
            try:
                if run.folder not in self._results and run.status == "done":
                    self._results[run.folder] = _read(self.study, run)
            except InputError as error:
                results.failed.append((run, str(error)))
                continue
            if run.folder in self._results:
                results.done.append(self._results[run.folder])
            elif run.status == "failed":
                record = run.read_record()
                said = [record.get("how", "failed"), *record.get("lines", [])[-1:]]
                results.failed.append((run, ": ".join(said)))
        return results

    def difference(
        self, results: Results, corpus: str, system: str, documents: str, metric: Metric
    ) -> Difference | None:
        """A system's difference to the baseline over the units that both have done."""
        ours = {r.run.unit: r for r in results.of(corpus, system)}
        theirs = {r.run.unit: r for r in results.of(corpus, self.study.baseline)}
        units = sorted(ours.keys() & theirs.keys())
        if not units:
            return None
        figure = metric.headline
        values = [
            metric.values(ours[u].summary, documents)[figure]
            - metric.values(theirs[u].summary, documents)[figure]
            for u in units
        ]
        p = None
        if metric.counted:
            counts, base = (
                np.concatenate([self._count(side[u], documents, metric) for u in units])
                for side in (ours, theirs)
            )
            p = randomization_test(counts, base)
        return Difference(Statistic.of(values), p)

    def _count(self, result: Result, documents: str, metric: Metric) -> np.ndarray:
        key = (str(result.run.folder), documents, metric.name)
        if key not in self._counts:
            data = result.run.config["data"]
            gold = self._documents(data, documents)
            predicted = read_predictions(result.run.folder, documents, gold)
            self._counts[key] = document_counts(metric, gold, predicted)
        return self._counts[key]


def _read(study: Study, run: Run) -> Result:
    folder = RunFolder(run.folder)
    summary = read_summary(folder)
    for metric in study.metrics:  # what cannot be shown is told of the run, not of the tables
        for documents in study.corpora[run.corpus].scored:
            metric.values(summary, documents)
    return Result(run, summary, read_rows(folder.metrics))
