"""``jnrf extract``: a text in, mentions and relations out."""

from __future__ import annotations

import io
import json
import shlex
import sys

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.cli import main
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf_ext import JNRF

TEXT = "He takes aspirin 81 mg for chest pain.\r\nÜber 5 mg.\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("extract")
    corpus = write_corpus(root / "corpus", sentences=4)
    values = {"data.train": str(corpus), "run.out": str(root / "run"), "run.epochs": 30}
    values |= {"model.embedding_dropout": 0.0, "optim.lr": 0.01}
    loop.train(TrainConfig.from_dict(settings.merge({}, TINY | values)))
    return str(root / "run/best")


@pytest.fixture
def document(model):
    found = JNRF.from_pretrained(model).extract(TEXT)
    assert found.mentions
    return found


def printed(capsys, *words) -> str:
    assert main(["extract", *words, "--device", "cpu"]) == 0
    return capsys.readouterr().out


def feed(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_text_may_be_given_as_it_is(model, document, capsys):
    assert printed(capsys, model, TEXT) == f"{document}".rstrip("\n") + "\n"


def test_or_come_from_standard_input(model, document, capsys, monkeypatch):
    feed(monkeypatch, TEXT.encode())
    assert json.loads(printed(capsys, model, "-", "--to", "json")) == document.to_dict()


def test_options_may_stand_before_between_and_behind(model, document, capsys):
    for words in (["--to", "json", model, TEXT], [model, "--to", "json", TEXT]):
        assert json.loads(printed(capsys, *words)) == document.to_dict()


def test_brat_is_what_an_ann_file_holds(model, document, capsys):
    out = printed(capsys, model, TEXT, "--to", "brat")
    assert out == document.to_brat()
    assert out.startswith("T1\t")


@pytest.mark.parametrize("form", ["text", "json", "brat"])
def test_a_text_of_nothing_is_no_mistake(model, capsys, monkeypatch, form):
    feed(monkeypatch, b"")
    out = printed(capsys, model, "-", "--to", form)
    if form == "brat":
        assert out == ""  # as the file is, without an empty line
    else:
        assert out.endswith("\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["NONE", "text"], "is not a model folder"),
        (["MODEL", "caf\udce9"], "lone surrogate"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(model, capsys, tmp_path, words, message):
    places = {"MODEL": model, "NONE": str(tmp_path / "NONE")}
    assert main(["extract", *(places.get(word, word) for word in words)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err


def test_standard_input_that_is_no_text_is_said(model, capsys, monkeypatch):
    feed(monkeypatch, b"a\xff")
    assert main(["extract", model, "-"]) == 2
    assert "standard input: not UTF-8 at byte 1" in capsys.readouterr().err


def test_the_path_of_a_file_or_folder_is_a_text_and_the_way_to_its_content_is_told(
    model, document, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a note.txt").write_bytes(TEXT.encode())
    assert main(["extract", model, "a note.txt", "--to", "json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["text"] == "a note.txt"
    [line] = said.err.splitlines()
    assert line.startswith("jnrf extract: warning: a note.txt is taken as the text")
    command = line.rpartition("jnrf ")[2]
    assert shlex.split(command) == ["extract", model, "-", "<", "a note.txt"]
    feed(monkeypatch, (tmp_path / "a note.txt").read_bytes())
    assert printed(capsys, model, "-") == f"{document}".rstrip("\n") + "\n"

    (tmp_path / "notes").mkdir()
    (tmp_path / "a note.txt").rename(tmp_path / "notes/a.txt")
    assert main(["extract", model, "notes"]) == 0
    command = capsys.readouterr().err.rpartition("jnrf ")[2]
    assert shlex.split(command) == ["predict", model, "notes", "--out", "DIR"]
    assert main([*shlex.split(command)[:-1], str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/a.ann").is_file()


@pytest.mark.parametrize("text", ["", "no/such/file.txt", "x" * 5000, "a\0b"])
def test_of_any_other_text_nothing_is_told(model, capsys, text):
    assert main(["extract", model, text]) == 0
    assert capsys.readouterr().err == ""
