"""The table that is drawn while a study runs."""

from __future__ import annotations

import io
import time

from rich.console import Console

from jnrf.study import plan
from jnrf.study.progress import StudyProgress, overview
from jnrf.study.runner import Active


def drawn(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


def test_the_table_has_what_is_done_and_how_far_the_rest_is(data, read, tmp_path):
    runs = plan.plan(read(data), tmp_path)
    status = {run.folder: "waiting" for run in runs} | {runs[0].folder: "done"}
    status[runs[1].folder] = "failed"
    runs[2].folder.mkdir(parents=True)
    (runs[2].folder / "metrics.jsonl").write_text("{}\n")
    text = drawn(overview(runs, status, [Active(runs[2], None, time.monotonic() - 65)]))
    assert "1/2" in text
    assert "0/2, 1 failed" in text
    assert "seed2: epoch 1/2, 1:05" in text


def test_a_line_is_said_when_a_run_ends(data, read, tmp_path):
    runs = plan.plan(read(data), tmp_path)
    console = Console(file=io.StringIO(), width=100, markup=False)
    runs[0].folder.mkdir(parents=True)
    (runs[0].folder / "summary.json").write_text("{}")
    with StudyProgress(runs, console) as progress:
        progress.watch([])
        progress.ended(runs[0], 61, "[F1] 0.5")
    said = console.file.getvalue()
    assert said == "1/4 done  ours/notes/seed1: done in 1:01  [F1] 0.5\n"
