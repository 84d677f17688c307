"""``jnrf train`` and ``jnrf predict`` as a user types them: exit status, and one line a mistake."""

import os
import signal

import pytest
import yaml
from tiny_corpus import TINY, write_corpus

from jnrf.cli import main
from jnrf.training import loop

TINY_OPTIONS = [word for key, value in TINY.items() for word in (f"--{key}", str(value))]


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


def train(out, corpus, *words):
    folders = ["--train", str(corpus), "--out", str(out)]
    return main(["train", *folders, "--run.epochs", "2", *TINY_OPTIONS, *words])


def test_train_then_predict(tmp_path, corpus, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    assert train(run, corpus, "--dev", str(corpus)) == 0
    said = capsys.readouterr().out
    for words in ("epoch 2/2", "dev, corrected", "wordpieces/s", f"report  {run}/report.html"):
        assert words in said
    assert main(["predict", str(run / "best"), str(corpus), "--out", str(out)]) == 0
    assert sorted(p.name for p in out.glob("*.ann")) == ["note0.ann", "note1.ann"]
    assert "2 documents in" in capsys.readouterr().out


def test_predict_says_what_it_left_out_and_ends_with_1(tmp_path, corpus, capsys):
    assert train(tmp_path / "run", corpus) == 0
    (corpus / "note1.txt").write_bytes(b"\xff")
    capsys.readouterr()
    words = ["predict", str(tmp_path / "run/best"), str(corpus), "--out", str(tmp_path / "out")]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "1 documents in" in said.out
    assert "note1.txt" in said.err
    assert "1 note could not be read or predicted; " in said.err
    assert main([*words, "--strict"]) == 2


def test_the_command_line_goes_before_the_file_and_the_file_before_the_defaults(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text("optim:\n  lr: 0.5\n  warmup: 0.25\n")
    words = ["train", "--config", str(path), "--optim.lr", "0.75", "--run.deterministic"]
    assert main([*words, "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["optim"]["lr"] == 0.75
    assert printed["optim"]["warmup"] == 0.25
    assert printed["run"]["deterministic"] is True
    assert printed["run"]["seed"] == 42


def test_what_print_config_prints_is_a_configuration_file(tmp_path, corpus, capsys):
    words = ["train", "--train", str(corpus), "--out", str(tmp_path / "run"), *TINY_OPTIONS]
    main([*words, "--run.epochs", "1", "--print-config"])
    path = tmp_path / "c.yaml"
    path.write_text(capsys.readouterr().out)
    assert main(["train", "--config", str(path)]) == 0


def test_resume_needs_only_the_folder(tmp_path, corpus, capsys):
    assert train(tmp_path / "run", corpus) == 0
    (tmp_path / "run" / "summary.json").unlink()  # as if stopped before the end
    assert main(["train", "--resume", "--out", str(tmp_path / "run")]) == 0
    assert "2 epochs in" in capsys.readouterr().out


def test_ctrl_c_ends_with_130_and_one_line(tmp_path, corpus, monkeypatch, capsys):
    take_step = loop.take_step

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return take_step(*args)

    monkeypatch.setattr(loop, "take_step", interrupted)
    assert train(tmp_path / "run", corpus) == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"to go on: jnrf train --resume --out {tmp_path / 'run'}" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "where to? give --out RUN"),
        (["--out", "OUT"], "no training documents: give --train DIR"),
        (["--train", "OUT/none", "--out", "OUT"], "no file or folder"),
        (["--train", "CORPUS", "--dev", "OUT/none", "--out", "OUT"], "no file or folder"),
        (["--optim.lrr", "1"], "unknown option --optim.lrr; did you mean --optim.lr?"),
        (["--optim.lr", "fast"], "optim.lr: 'fast' is not a number"),
        (["--config", "OUT/c.yaml"], "cannot read settings from"),
        (["--resume"], "which run to resume? give --out RUN"),
        (["--resume", "--out", "OUT"], "holds no run to resume"),
        (["--train", "CORPUS", "--out", "CORPUS/note0.txt"], "is a file; give a folder"),
        (
            ["--train", "CORPUS", "--out", "OUT", "--data.tokenizer", "no-such-package"],
            "'no-such-package' is neither a folder here nor an installed package",
        ),
        (
            ["--train", "CORPUS", "--out", "OUT", "--model.embeddings", "no-such-package"],
            "'no-such-package' is neither a folder here nor an installed package",
        ),
        (["--train", "CORPUS", "--out", "OUT", "--data.schema", "OUT/s.json"], "data.schema:"),
        (
            ["--train", "CORPUS", "--out", "OUT", "--data.holdout", "0.1"],
            "leaves none to train on or none to hold out",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy_and_status_2(
    tmp_path, corpus, capsys, words, message
):
    places = {"CORPUS": str(corpus), "OUT": str(tmp_path / "out")}
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    assert main(["train", *words]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not (tmp_path / "out").exists()


def test_a_resumed_run_keeps_its_settings(tmp_path, corpus, capsys):
    assert train(tmp_path / "run", corpus) == 0
    capsys.readouterr()
    words = ["train", "--resume", "--out", str(tmp_path / "run"), "--optim.lr", "0.5"]
    assert main(words) == 2
    assert "optim.lr: the run in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["NONE", "CORPUS", "--out", "OUT"], "is not a model folder"),
        (["CORPUS", "CORPUS", "--out", "OUT"], "has no config.json"),
        (["NONE", "OUT/none", "--out", "OUT"], "no file or folder"),
        (["NONE", "CORPUS", "--out", "OUT", "--batch-tokens", "0"], "--batch-tokens must be"),
        (["NONE", "CORPUS", "--out", "OUT", "--threads", "-1"], "--threads must be"),
    ],
)
def test_a_mistake_in_predict_is_one_line_too(tmp_path, corpus, capsys, words, message):
    places = {"CORPUS": str(corpus), "OUT": str(tmp_path / "out"), "NONE": str(tmp_path / "no")}
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    assert main(["predict", *words]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not (tmp_path / "out").exists()
