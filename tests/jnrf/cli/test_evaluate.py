"""``jnrf evaluate`` prints tables, writes JSON, and explains a user's mistakes in one line."""

from __future__ import annotations

import argparse
import json

import pytest

from jnrf.cli import evaluate
from jnrf_ext.errors import InputError


@pytest.fixture
def folders(tmp_path):
    for name, end in (("gold", 10), ("pred", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("lisinopril daily\n")
        (tmp_path / name / "a.ann").write_text(f"T1\tDrug 0 {end}\t{'lisinopril'[:end]}\n")
    return tmp_path / "gold", tmp_path / "pred"


def run(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("mode", ["official", "corrected"])
def test_both_modes_print_tables(folders, capsys, mode):
    assert run(*folders, "--mode", mode) == 0
    out = capsys.readouterr().out
    assert f"1 documents, {mode} rules" in out
    assert "Drug" in out


def test_corrected_is_the_default(folders, capsys):
    run(*folders)
    assert "corrected rules" in capsys.readouterr().out


def test_json_is_written(folders, tmp_path, capsys):
    run(*folders, "--json", tmp_path / "scores.json")
    data = json.loads((tmp_path / "scores.json").read_text())
    assert data["mode"] == "corrected"
    assert data["mentions"]["lenient"]["micro"]["f1"] == 1.0
    assert data["mentions"]["strict"]["micro"]["f1"] == 0.0


def test_a_missing_folder_is_an_error(folders, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        run(folders[0], tmp_path / "nowhere")
