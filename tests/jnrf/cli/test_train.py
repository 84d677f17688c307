"""``jnrf train`` and ``jnrf predict`` as a user types them: exit status, and one line a mistake."""

import os
import signal

import pytest
import yaml
from tiny_corpus import TINY, write_corpus

from jnrf.cli import main
from jnrf.training import data, loop
from jnrf_ext import JNRF

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


# ------------------------------------------------------------------ where no system is named


SMALL = {name: value for name, value in TINY.items() if name != "run.system"} | {"run.epochs": 2}
SMALL_OPTIONS = [word for key, value in SMALL.items() for word in (f"--{key}", str(value))]


def choosing(out, corpus, *words):
    return main(["train", "--train", str(corpus), "--out", str(out), *SMALL_OPTIONS, *words])


def test_a_system_is_chosen_told_and_kept(tmp_path, corpus, capsys):
    assert choosing(tmp_path / "run", corpus) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("system: jnrf-2, chosen because model.embeddings is given; ")
    kept = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert kept["run"]["system"] == "jnrf-2"
    assert kept["model"]["relation_kind"] == "spans"  # the system's
    assert kept["model"]["hidden_size"] == 16  # the command line's
    assert line in (tmp_path / "run/remarks.txt").read_text().splitlines()


def test_a_run_that_chose_is_resumed_and_repeated_as_it_was(tmp_path, corpus, capsys, monkeypatch):
    take_step = loop.take_step

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return take_step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted)
        assert choosing(tmp_path / "run", corpus) == 130
    kept = (tmp_path / "run/config.yaml").read_bytes()
    said = (tmp_path / "run/remarks.txt").read_bytes()
    assert main(["train", "--resume", "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run/config.yaml").read_bytes() == kept
    assert (tmp_path / "run/remarks.txt").read_bytes() == said
    # The same settings on another machine, where another system would be chosen.
    monkeypatch.setattr("jnrf.training.prepare.resolve_embeddings", lambda source: source)
    again = ["train", "--config", str(tmp_path / "run/config.yaml"), "--out"]
    assert main([*again, str(tmp_path / "again")]) == 0
    weights = [
        (tmp_path / name / "best/model.safetensors").read_bytes() for name in ("run", "again")
    ]
    assert weights[0] == weights[1]


def test_the_documents_are_read_once_for_choosing_and_training(tmp_path, corpus, monkeypatch):
    reads = []
    read = data.read_annotated
    monkeypatch.setattr(
        data, "read_annotated", lambda path, *rest: reads.append(str(path)) or read(path, *rest)
    )
    assert choosing(tmp_path / "run", corpus) == 0
    assert reads == [str(corpus)]


def test_documents_without_relations_get_a_system_without_a_relation_head(tmp_path, capsys):
    corpus = write_corpus(tmp_path / "corpus")
    for path in corpus.glob("*.ann"):
        kept = [line for line in path.read_text().splitlines() if not line.startswith("R")]
        path.write_text("\n".join(kept) + "\n")
    assert choosing(tmp_path / "run", corpus) == 0
    said = capsys.readouterr().out
    assert "no relation head because the training documents have no relations" in said
    assert JNRF.from_pretrained(tmp_path / "run/best").relation_head is None


def test_a_file_that_describes_a_model_is_taken_as_it_is(tmp_path, corpus, capsys):
    file = tmp_path / "c.yaml"
    file.write_text("model: {hidden_size: 16, embeddings: null, mixing_windows: [], num_layers: 1}")
    words = ["--train", str(corpus), "--out", str(tmp_path / "run"), "--config", str(file)]
    assert main(["train", *words, "--run.epochs", "1", "--run.device", "cpu"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"system: jnrf, as the settings say, because {file} describes a model")
    kept = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert kept["model"]["layer_kind"] == "fourier"  # the default


@pytest.mark.parametrize(
    ("words", "system"),
    [
        (["--model.embeddings", "null"], "jnrf-2"),
        (["--model.encoder", "some/encoder"], "jnrf-2-plus"),
        (["--system", "jnrf-crf"], "jnrf-crf"),
        (["--run.system", "mine"], "mine"),
    ],
)
def test_print_config_prints_the_system_that_would_be_trained(words, system, capsys):
    assert main(["train", *words, "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["run"]["system"] == system
    assert printed.startswith("# system: ") == ("--system" not in words)


def test_a_given_encoder_is_trained_as_the_chosen_system_trains_its_own(capsys):
    assert main(["train", "--model.encoder", "some/encoder", "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["encoder"] == "some/encoder"
    assert printed["optim"]["lr_encoder"] == 1e-4
    assert printed["model"]["relation_kind"] == "spans"


def test_a_file_of_other_settings_goes_over_the_chosen_system(tmp_path, capsys):
    file = tmp_path / "c.yaml"
    file.write_text("run: {epochs: 3}\noptim: {lr: 0.5}\n")
    words = ["--config", str(file), "--model.embeddings", "null"]
    assert main(["train", *words, "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["run"]["system"] == "jnrf-2"
    assert (printed["run"]["epochs"], printed["optim"]["lr"]) == (3, 0.5)


def test_a_run_that_cannot_be_written_is_refused_before_the_documents_are_read(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("")
    assert choosing(tmp_path / "run", tmp_path / "no-such-folder") == 2
    assert "already holds a run" in capsys.readouterr().err


def test_settings_of_a_model_are_judged_over_the_chosen_system(capsys):
    words = ["train", "--model.encoder", "some/encoder", "--model.hidden_size", "0"]
    assert main([*words, "--print-config"]) == 0  # the encoder's own
    assert yaml.safe_load(capsys.readouterr().out)["model"]["hidden_size"] == 0
    assert main(["train", "--model.embeddings", "null", "--model.hidden_size", "0"]) == 2
    assert "where to?" in capsys.readouterr().err
    words = ["train", "--model.embeddings", "null", "--model.hidden_size", "0", "--print-config"]
    assert main(words) == 2
    assert "hidden_size=0 must be at least 1" in capsys.readouterr().err
