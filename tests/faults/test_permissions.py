"""What may not be read or written is named in one line that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import TINY_WORDS, contents
from tiny_corpus import write_corpus

PREDICT = ("--part-tokens", 60, "--batch-tokens", 40, "--device", "cpu", "--threads", 1)
DENIED = "Permission denied"


@pytest.fixture
def place(tmp_path):
    """A folder whose files can be removed again, whatever a test makes of their permissions."""
    yield tmp_path
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def closed(path: Path, mode: int = 0) -> Path:
    """The same, that may not be read; or only read, with mode 0o500."""
    path.chmod(mode)
    return path


def read_only(path: Path) -> Path:
    """A new folder that may not be written into."""
    path.mkdir()
    return closed(path, 0o500)


def notes(folder: Path, count: int = 5) -> Path:
    """Notes as files."""
    for path in write_corpus(folder, documents=count).glob("*.ann"):
        path.unlink()
    return folder


def lines(path: Path) -> Path:
    """A note as a line of JSON."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"id": "a", "text": "He takes aspirin."}) + "\n")
    return path


def rows(path: Path) -> Path:
    """A note as a row of Parquet."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    path.parent.mkdir(exist_ok=True)
    table = pa.Table.from_pylist([{"id": "a", "text": "He takes aspirin."}])
    pyarrow.parquet.write_table(table, path)
    return path


def check(ended, path: Path) -> None:
    """An error that names ``path``, the system's reason, and what to do."""
    said = ended.complaint()
    assert str(path) in said, said
    assert DENIED in said, said
    assert "check its permissions" in said, said


# ------------------------------------------------------------------ jnrf predict


@pytest.mark.parametrize("to", ["brat", "jsonl", "parquet"])
@pytest.mark.parametrize("below", [".", "new"])
def test_predictions_into_a_folder_that_is_read_only(jnrf, model, place, to, below):
    out = read_only(place / "out") / below
    words = ("predict", model, notes(place / "in"), "--to", to, *PREDICT, "--out")
    check(jnrf(*words, out, root=False), out)
    assert list((place / "out").iterdir()) == []
    closed(place / "out", 0o755)
    assert jnrf(*words, out, root=False).status == 0
    assert jnrf(*words, place / "other").status == 0
    assert contents(out) == contents(place / "other")


def test_predictions_that_became_read_only_are_kept(jnrf, model, place):
    out, source = place / "out", notes(place / "in")
    words = ("predict", model, source, *PREDICT, "--out", out)
    assert jnrf(*words).status == 0
    before = contents(out)
    (source / "note2.txt").write_text("He takes warfarin 5 mg for fever.\n")
    receipts = out / ".jnrf-predict"
    for path, mode in ((receipts, 0o500), (receipts, 0), (receipts / "lock", 0), (out, 0o500)):
        usual = path.stat().st_mode
        closed(path, mode)
        check(jnrf(*words, root=False), path)
        check(jnrf(*words, "--again", root=False), path)
        closed(path, usual)
    del before["note2.ann"]
    seen = contents(out)
    assert {name: seen[name] for name in before} == before
    assert jnrf(*words, root=False).status == 0
    assert jnrf("predict", model, source, *PREDICT, "--out", place / "other").status == 0
    assert contents(out) == contents(place / "other")


def test_a_note_or_folder_below_that_cannot_be_read_is_left_out(jnrf, model, place):
    source, out = notes(place / "in"), place / "out"
    notes(source / "ward")
    closed(source / "note3.txt")
    closed(source / "ward")
    words = ("predict", model, source, *PREDICT, "--out", out)
    ended = jnrf(*words, root=False)
    assert ended.status == 1
    assert ended.err.count("\n") == 3
    assert f"left out: cannot read {source}/note3.txt: {DENIED}; check its permiss" in ended.err
    assert f"left out: {source}/ward: cannot be read: {DENIED}" in ended.err
    assert len(list(out.rglob("*.ann"))) == 4
    faults = (out / "errors.jsonl").read_text().splitlines()
    assert {json.loads(line)["place"] for line in faults} == {
        f"{source}/note3.txt",
        f"{source}/ward",
    }
    closed(source / "note3.txt", 0o644)
    closed(source / "ward", 0o755)
    ended = jnrf(*words, root=False)
    assert (ended.status, ended.err) == (0, "")
    assert len(list(out.rglob("*.ann"))) == 10
    assert not (out / "errors.jsonl").exists()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda place: (closed(notes(place / "in")),) * 2, "folder"),
        (lambda place: (notes(place / "in") / "note1.txt", closed(place / "in")), "folder above"),
        (lambda place: (closed(lines(place / "in.jsonl")),) * 2, "jsonl"),
        (lambda place: (closed(rows(place / "in.parquet")),) * 2, "parquet"),
        (lambda place: (lines(place / "in/a.jsonl").parent, closed(lines(place / "in/b.jsonl"))),
         "second jsonl"),
        (lambda place: (rows(place / "in/a.parquet").parent, closed(rows(place / "in/b.parquet"))),
         "second parquet"),
    ],
)  # fmt: skip
def test_input_that_cannot_be_read(jnrf, model, place, make, name):
    source, wrong = make(place)
    check(jnrf("predict", model, source, *PREDICT, "--out", place / "out", root=False), wrong)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "."])
def test_a_model_that_cannot_be_read(jnrf, model, place, name):
    copy = place / "model"
    copy.mkdir()
    for path in model.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    wrong = closed(copy / name)
    words = ("predict", copy, notes(place / "in"), *PREDICT, "--out", place / "out")
    ended = jnrf(*words, root=False)
    check(ended, wrong)
    assert not (place / "out").exists()


# ------------------------------------------------------------------ jnrf train


def training(place: Path) -> tuple:
    """The words for a small run."""
    corpus = write_corpus(place / "corpus", documents=3)
    return ("train", "--train", corpus, *TINY_WORDS, "--run.epochs", 1)


@pytest.mark.parametrize("below", [".", "new"])
def test_a_run_in_a_folder_that_is_read_only(jnrf, place, below):
    run = read_only(place / "run") / below
    check(jnrf(*training(place), "--out", run, root=False), run)
    assert list((place / "run").iterdir()) == []


@pytest.mark.parametrize("name", ["note1.txt", "note1.ann", "."])
def test_training_documents_that_cannot_be_read(jnrf, place, name):
    words = training(place)
    wrong = closed(place / "corpus" / name)
    check(jnrf(*words, "--out", place / "run", root=False), wrong)
    assert not (place / "run").exists()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (".", 0o500),
        (".", 0),
        ("metrics.jsonl", 0o400),
        ("config.yaml", 0),
        ("last", 0),
        ("last/training_state.json", 0),
        ("last/training_state.safetensors", 0),
        ("last/model.safetensors", 0),
    ],
)
def test_a_run_that_cannot_be_resumed_for_now_is_kept(jnrf, place, name, mode):
    words, run = training(place), place / "run"
    assert jnrf(*words, "--out", run).status == 0
    (run / "summary.json").unlink()  # as if it had been interrupted
    weights = (run / "last/model.safetensors").read_bytes()
    before = (run / name).stat().st_mode
    closed(run / name, mode)
    ended = jnrf("train", "--resume", "--out", run, root=False)
    check(ended, run / name)
    assert "new run" not in ended.err  # that would be bad advice: nothing is lost
    closed(run / name, before)
    assert jnrf("train", "--resume", "--out", run, root=False).status == 0
    assert (run / "last/model.safetensors").read_bytes() == weights


# ------------------------------------------------------------------ corpora


@pytest.mark.parametrize("to", ["brat", "json", "tokens", "columns"])
def test_a_conversion_into_a_folder_that_is_read_only(jnrf, place, to):
    corpus, out = write_corpus(place / "corpus"), read_only(place / "out")
    check(jnrf("convert", corpus, out, "--to", to, root=False), out)


@pytest.mark.parametrize("words", [("convert", "IN", "OUT", "--to", "json"), ("inspect", "IN"),
                                   ("evaluate", "GOLD", "IN")])  # fmt: skip
@pytest.mark.parametrize("below", [".", "corpus"])
def test_a_corpus_that_cannot_be_read(jnrf, place, words, below):
    gold, corpus = write_corpus(place / "gold"), write_corpus(place / "in/corpus")
    closed(place / "in" / below)
    places = {"GOLD": gold, "IN": corpus, "OUT": place / "out"}
    ended = jnrf(*(places.get(word, word) for word in words), root=False)
    check(ended, corpus)


def test_invented_notes_into_a_folder_that_is_read_only(jnrf, place):
    out = read_only(place / "out")
    check(jnrf("synth", out, "--documents", 2, "--words", 50, root=False), out)
