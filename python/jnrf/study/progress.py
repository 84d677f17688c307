"""What a person sees while a study runs: a line a run and, on a terminal, a table of all."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jnrf.study.plan import Run
from jnrf.study.runner import Active
from jnrf.training.progress import duration
from jnrf.training.run_folder import RunFolder


class StudyProgress:
    """Says how each run ended; enter it to have the table drawn where there is a terminal."""

    def __init__(self, runs: Sequence[Run], console: Console | None = None):
        self.console = console or Console(soft_wrap=True, highlight=False, markup=False)
        self._runs = runs
        self._status = {run.folder: run.status for run in runs}
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> StudyProgress:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def ended(self, run: Run, seconds: float, said: str) -> None:
        """A run is done or has failed."""
        self._status[run.folder] = run.status
        done = sum(status == "done" for status in self._status.values())
        place = f"{done}/{len(self._runs)} done"
        self.console.print(f"{place}  {run.name}: {run.status} in {duration(seconds)}  {said}")

    def watch(self, active: Sequence[Active]) -> None:
        """Draw the table again."""
        if self.console.is_terminal:
            self._live.update(overview(self._runs, self._status, active), refresh=True)


def overview(runs: Sequence[Run], status: dict, active: Sequence[Active]) -> Table:
    """Systems by corpora: how many runs of each are done, and how far the ones under way are."""
    systems, corpora = ([*dict.fromkeys(getattr(r, n) for r in runs)] for n in ("system", "corpus"))
    table = Table(box=box.SIMPLE)
    for name in ("", *corpora):
        table.add_column(Text(name))
    for system in systems:
        cells = []
        for corpus in corpora:
            chosen = [r for r in runs if (r.system, r.corpus) == (system, corpus)]
            counts = [status[run.folder] for run in chosen]
            lines = [f"{counts.count('done')}/{len(chosen)}"]
            if failed := counts.count("failed"):
                lines[0] += f", {failed} failed"
            lines += [_under_way(a) for a in active if a.run in chosen]
            cells.append(Text("\n".join(lines)))
        table.add_row(Text(system), *cells)
    return table


def _under_way(one: Active) -> str:
    """``seed1: epoch 4/30, 2:10``."""
    metrics = RunFolder(one.run.folder).metrics
    try:
        with open(metrics, "rb") as file:
            epochs = sum(1 for _ in file)
    except OSError:
        epochs = 0
    planned = one.run.config.get("run", {}).get("epochs", "?")
    passed = duration(time.monotonic() - one.started)
    return f"{one.run.folder.name}: epoch {epochs}/{planned}, {passed}"
