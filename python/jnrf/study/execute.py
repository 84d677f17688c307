"""A study from its file to its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jnrf.study import corpora, plan, runner
from jnrf.study.definition import Study
from jnrf.study.plan import Run
from jnrf.study.progress import StudyProgress
from jnrf.study.results import Reader, Results
from jnrf.study.runner import Active
from jnrf.study.write import write_study
from jnrf.training.interrupt import Interrupted

if TYPE_CHECKING:
    from jnrf.corpora.annotated import Unannotated


def run_study(
    study: Study, out: Path, jobs: int = 1, trainer: Sequence[str] | None = None
) -> Results:
    """Do what is left to do of a study in ``out``, writing its tables anew after each run.

    ``trainer`` is the command in place of ``python -m jnrf train``.
    Raises :class:`InputError` before anything runs for what could not, and :class:`Interrupted`
    after Ctrl-C, once the runs under way and the tables are saved.
    """
    runs = plan.plan(study, out)
    with runner.StudyLock(out) as lock:
        plan.check_unchanged(runs)
        for corpus in study.corpora.values():
            given = study.settings | corpus.settings
            malformed = str(given.get("data.malformed", "raise"))
            unannotated = str(given.get("data.unannotated", "error"))
            # A run's settings, which the plan has checked.
            chosen = cast("Unannotated", unannotated)
            corpora.build(corpus, out, study.folds, malformed, chosen)
        reader = Reader(study, runs)
        write_study(reader, out)
        progress = StudyProgress(runs)

        def ended(run: Run, seconds: float) -> None:
            progress.ended(run, seconds, _said(write_study(reader, out), run))

        def watch(active: Sequence[Active]) -> None:
            progress.watch(active)

        try:
            with progress:
                runner.run_all(runs, lock, jobs, trainer or runner.TRAINER, ended, watch)
        except Interrupted:
            write_study(reader, out)
            raise
        return write_study(reader, out)


def _said(results: Results, run: Run) -> str:
    """The headline of a run that is done, or why it failed."""
    for failed, why in results.failed:
        if failed.folder == run.folder:
            return why
    study = results.study
    metric, documents = study.metrics[0], study.corpora[run.corpus].scored[0]
    for result in results.done:
        if result.run.folder == run.folder:
            value = metric.values(result.summary, documents)[metric.headline]
            return f"{metric.label}, {documents}: {value:.4f}"
    return ""
