"""``jnrf study`` as a user types it: exit status, and one line a mistake."""

from __future__ import annotations

import sys

import pytest
import yaml
from tiny_corpus import write_corpus

from jnrf.cli import main
from jnrf.study import runner

#: Ends at once, as a training that cannot start does
BROKEN = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]


@pytest.fixture
def study(tmp_path):
    corpus = write_corpus(tmp_path / "notes")
    path = tmp_path / "mine.yaml"
    notes = {name: "${DATA}/" + corpus.name for name in ("train", "dev")}
    data = {"systems": {"jnrf": {}}, "corpora": {"notes": notes}, "seeds": [1, 2]}
    path.write_text(
        yaml.safe_dump(data | {"reduced": {"settings": {"run.epochs": 1}}}, sort_keys=False)
    )
    return path


def test_the_studies_that_come_with_it_are_listed(capsys):
    assert main(["study", "--list"]) == 0
    said = capsys.readouterr().out
    for name in (
        "jnrf-comparison", "task-specific-layers", "parameter-sharing", "crf-and-pretraining",
        "hierarchical-transfer",
    ):  # fmt: skip
        assert f"{name}\n    " in said


def test_a_dry_run_lists_the_commands_and_writes_nothing(study, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["study", str(study), "--out", str(out), "--set", f"DATA={tmp_path}", "--dry-run"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"jnrf train --system=jnrf --train={tmp_path}/notes" in said
    assert f"--out {out}/runs/jnrf/notes/seed2" in said
    assert "2 runs, 0 done; reduced: run.epochs 1" in said
    assert main([*words, "--full"]) == 0
    assert "reduced" not in capsys.readouterr().out
    assert not out.exists()


def test_a_failed_run_ends_with_status_1_and_its_last_words(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DATA", str(tmp_path))
    monkeypatch.setattr(runner, "TRAINER", BROKEN)
    assert main(["study", str(study), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "0 of 2 runs are done" in said.out
    assert "failed: jnrf/notes/seed1: exit status 1: no such thing (see " in said.err
    assert (tmp_path / "out/study.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which study? give a YAML file"),
        (["STUDY"], "where to? give --out DIR"),
        (["STUDY", "--out", "OUT", "--jobs", "0"], "--jobs must be at least 1"),
        (["STUDY", "--out", "OUT", "--set", "DATA"], "--set DATA: give NAME=VALUE"),
        (["STUDY", "--out", "OUT"], "corpora.notes.train: ${DATA} is not set; give --set"),
        (["STUDY", "--out", "OUT", "--set", "DATA=/no"], "corpora.notes.train: no file or folder"),
        (["jnrf-comparisn", "--out", "OUT"], "did you mean jnrf-comparison?"),
        (["NOTYAML", "--out", "OUT"], "not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy_and_status_2(
    study, tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.delenv("DATA", raising=False)
    (tmp_path / "bad.yaml").write_text("a: [")
    places = {"NOTYAML": tmp_path / "bad.yaml", "STUDY": study, "OUT": tmp_path / "out"}
    words = [str(places.get(word, word)) for word in words]
    assert main(["study", *words]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not (tmp_path / "out").exists()
