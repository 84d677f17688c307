"""A study runs what is left to do, whatever happened before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jnrf.study import plan
from jnrf.study.execute import run_study
from jnrf.study.runner import StudyLock, last_lines
from jnrf_ext.errors import InputError


@pytest.fixture
def behave(monkeypatch):
    """Tells the fake trainer what systems shall do."""

    def told(**systems):
        monkeypatch.setenv("FAKE_PLAN", json.dumps(systems))

    return told


def calls(out):
    """What each run's trainer was called for, by run."""
    files = sorted(out.glob("runs/*/*/*/calls.txt"))
    return {"/".join(p.parts[-4:-1]): p.read_text().split() for p in files}


def test_every_run_has_a_folder_by_system_corpus_and_seed(data, read, tmp_path, fake_trainer):
    out = tmp_path / "out"
    results = run_study(read(data), out, trainer=fake_trainer)
    expected = {f"{s}/notes/seed{n}": ["new"] for s in ("ours", "theirs") for n in (1, 2)}
    assert calls(out) == expected
    assert len(results.done) == 4
    assert not results.partial
    log = (out / "runs/ours/notes/seed1/log.txt").read_text()
    for word in ("--system=jnrf", "--run.seed=1", "--run.epochs=2", f"--train={tmp_path}/notes"):
        assert word in log


def test_what_is_done_is_not_run_again(data, read, tmp_path, fake_trainer):
    out = tmp_path / "out"
    run_study(read(data), out, trainer=fake_trainer)
    data["seeds"] = [1, 2, 3]
    run_study(read(data), out, trainer=fake_trainer)
    assert set(map(tuple, calls(out).values())) == {("new",)}
    assert len(calls(out)) == 6


def test_a_failing_run_is_told_and_the_others_go_on(data, read, tmp_path, fake_trainer, behave):
    behave(ours={"fail": True})
    results = run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    assert len(results.done) == 2
    assert [run.name for run, _ in results.failed] == ["ours/notes/seed1", "ours/notes/seed2"]
    assert results.failed[0][1] == "exit status 3: OutOfMemory: no <room> left"
    assert "FAILED: ours/notes/seed1: exit status 3" in (tmp_path / "out/study.md").read_text()
    assert "OutOfMemory: no &lt;room&gt; left" in (tmp_path / "out/study.html").read_text()
    behave()
    results = run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    assert (len(results.done), results.failed) == (4, [])


def test_an_interrupted_run_is_resumed(data, read, tmp_path, fake_trainer):
    out, study = tmp_path / "out", read(data)
    first = plan.plan(study, out)[0]
    first.write_record(status="started")
    config = {"train": "x", "run.seed": "1"} | {n: str(tmp_path / "notes") for n in ("dev", "test")}
    (first.folder / "config.yaml").write_text(json.dumps(config))
    run_study(study, out, trainer=fake_trainer)
    assert calls(out)["ours/notes/seed1"] == ["resume"]
    assert calls(out)["theirs/notes/seed1"] == ["new"]


SCRIPT = """
import json, sys
from pathlib import Path
from jnrf.study import definition
from jnrf.study.execute import run_study
from jnrf.training.interrupt import Interrupted
study = definition.read(Path(sys.argv[1]), {})
try:
    run_study(study, Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
except Interrupted:
    sys.exit(130)
"""


def started(tmp_path, fake_trainer, jobs, runs):
    """A study in a process of its own, once so many of its runs are under way."""
    words = [str(tmp_path / "mine.yaml"), str(tmp_path / "out"), str(jobs), *fake_trainer]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *words])
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/runs/*/*/*/config.yaml"))) < runs:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_lets_the_runs_save_themselves_and_the_study_goes_on_later(
    data, read, tmp_path, fake_trainer, behave, number
):
    study, out = read(data), tmp_path / "out"
    behave(ours={"hang": True}, theirs={"hang": True})
    process = started(tmp_path, fake_trainer, 2, 2)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert "PARTIAL: 0 of 4 runs are done" in (out / "study.md").read_text()
    assert [run.status for run in plan.plan(study, out)].count("interrupted") == 2
    behave()
    results = run_study(study, out, trainer=fake_trainer)
    assert len(results.done) == 4
    assert sorted(map(tuple, calls(out).values())) == [("new",)] * 2 + [("new", "resume")] * 2


def test_a_killed_study_leaves_its_folder_locked_until_its_training_ends(
    data, read, tmp_path, fake_trainer, behave
):
    study, out = read(data), tmp_path / "out"
    behave(ours={"hang": True})
    process = started(tmp_path, fake_trainer, 1, 1)
    process.kill()
    process.wait()
    with pytest.raises(InputError, match="is in use by another jnrf study, or by a training"):
        run_study(study, out, trainer=fake_trainer)
    left_behind = out / "runs/ours/notes/seed1/pid.txt"
    os.kill(int(left_behind.read_text()), signal.SIGKILL)
    behave()
    deadline = time.monotonic() + 60
    while True:
        try:
            results = run_study(study, out, trainer=fake_trainer)
            break
        except InputError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert len(results.done) == 4
    assert calls(out)["ours/notes/seed1"] == ["new", "resume"]


def test_the_lock_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with StudyLock(tmp_path), pytest.raises(InputError, match="in use"):
            StudyLock(tmp_path).__enter__()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"run.epochs": 5}}, "run.epochs was 2, and now is 5 .and 3 more runs differ"),
        ({"limits": {"test_documents": 2}}, "data.dev was .*notes, and now is .*dev.json"),
    ],
)
def test_a_study_that_has_changed_does_not_mix_with_what_is_there(
    data, read, tmp_path, fake_trainer, change, message
):
    run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    with pytest.raises(InputError, match=message):
        run_study(read(data | change), tmp_path / "out", trainer=fake_trainer)


def test_a_run_that_no_study_began_is_not_taken_over(data, read, tmp_path, fake_trainer):
    folder = tmp_path / "out/runs/ours/notes/seed1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("")
    with pytest.raises(InputError, match="holds a run that no study began"):
        run_study(read(data), tmp_path / "out", trainer=fake_trainer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"run.epoch": 2}, "systems.ours on notes: unknown setting run.epoch; did you mean"),
        ({"run.epochs": "many"}, "systems.ours on notes: run.epochs: 'many' is not a whole number"),
    ],
)
def test_settings_that_training_would_refuse_are_refused_first(
    data, read, tmp_path, fake_trainer, settings, message
):
    data["systems"]["ours"]["settings"] = settings
    with pytest.raises(InputError, match=message):
        run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    assert not (tmp_path / "out").exists()


def test_a_study_trains_on_all_documents_of_its_corpora_unless_told(data, read, tmp_path):
    runs = plan.plan(read(data), tmp_path)
    assert {run.config["data"]["holdout"] for run in runs} == {0.0}
    data["settings"] = data.get("settings", {}) | {"data": {"holdout": 0.25}}
    runs = plan.plan(read(data), tmp_path)
    assert {run.config["data"]["holdout"] for run in runs} == {0.25}


def test_a_system_that_is_not_shipped_is_refused_first(data, read, tmp_path):
    data["systems"]["ours"]["system"] = "no-such-system"
    with pytest.raises(InputError, match=r"mine.yaml: systems.ours on notes: .*no-such-system"):
        plan.plan(read(data), tmp_path)


def test_folds_and_the_other_corpora_reach_the_command(data, read, corpus, tmp_path):
    data["seeds"] = [1]
    data["corpora"]["folded"] = {"documents": str(corpus), "k_folds": 3, "seeds": [4, 5]}
    data["systems"]["ours"]["settings"] = {"data.schema": "${OTHER_TRAIN}"}
    runs = [run for run in plan.plan(read(data), tmp_path) if run.system == "ours"]
    assert [run.name for run in runs] == ["ours/notes/seed1"] + [
        f"ours/folded/fold{fold}-seed{seed}" for fold in range(3) for seed in (4, 5)
    ]
    fold0 = next(w for w in runs[1].words if w.startswith("--train=")).partition("=")[2]
    assert f"--data.schema={fold0}" in runs[0].words
    assert f"--data.schema={corpus}" in runs[1].words


def test_the_last_lines_of_a_progress_bar_are_what_it_said_last(tmp_path):
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\n\n10%\r20%\r30%\nlast \xff\n")
    assert last_lines(path) == ["first", "30%", "last �"]
