"""A disk that is full: one line says so, what was there is whole, and with space it goes on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from commands import TINY_WORDS, contents, unfinished
from tiny_corpus import write_corpus

from jnrf_ext import JNRF

pytestmark = pytest.mark.slow

PREDICT = ("--part-tokens", 60, "--batch-tokens", 40, "--device", "cpu", "--threads", 1)


@pytest.fixture
def disk(tmp_path):
    """A disk of its own that can be made small: a function of its size in KiB, and its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*words) -> str:
        done = subprocess.run(["mount", *words, folder], capture_output=True, text=True)
        return done.stderr.strip()

    try:
        refused = mount("-t", "tmpfs", "-o", "size=64k", "none")
    except FileNotFoundError as error:
        refused = str(error)
    if refused:
        pytest.skip(f"no file system can be mounted here: {refused}")

    def resize(size: int) -> None:
        assert not mount("-o", f"remount,size={size}k")

    resize.folder = folder
    yield resize
    subprocess.run(["umount", "--lazy", folder], check=True)


def check_complaint(ended, folder: Path, *reasons: str) -> str:
    """The file below ``folder`` that an error names, which also says what to do."""
    said = ended.complaint()
    assert f"{folder}/" in said, said
    assert any(reason in said for reason in reasons), said
    assert "free space" in said, said
    return said


FULL, LONG = "No space left on device", "File too large"


# ------------------------------------------------------------------ jnrf predict


def notes(folder: Path, count: int = 30) -> Path:
    """Notes as files, the first of which is long, and one of which is none."""
    write_corpus(folder, documents=count, seed=5)
    for path in folder.glob("*.ann"):
        path.unlink()
    (folder / "note0.txt").write_text("".join(p.read_text() for p in folder.glob("note?.txt")))
    (folder / "note20.txt").write_bytes(b"caf\xe9")
    return folder


def lines(path: Path, faults: int = 1, together: bool = False) -> Path:
    """Notes as JSON lines, with some that are none, together or far from each other."""
    texts = write_corpus(path.with_suffix(""), documents=40, seed=5)
    rows = [json.dumps({"id": p.stem, "text": p.read_text()}) for p in sorted(texts.glob("*.txt"))]
    for number in range(faults):
        rows.insert(0 if together else 2 * number, '{"id": ')
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("make", "to", "most", "named"),
    [
        (notes, "brat", 60, ".jnrf-predict.json"),
        (notes, "brat", 1000, "note0.ann"),
        (lines, "jsonl", 1000, ".jsonl"),
        (lines, "parquet", 1000, ".parquet"),
        # A receipt tells of what could not be read, and the file at the end of all of it.
        (lambda folder: lines(folder.with_suffix(".jsonl"), 30, together=True), "brat", 2500,
         ".jnrf-predict/"),
        (lambda folder: lines(folder.with_suffix(".jsonl"), 25), "brat", 2500, "errors.jsonl"),
    ],
)  # fmt: skip
def test_each_file_of_a_prediction_is_named_where_it_cannot_be_written(
    jnrf, model, tmp_path, make, to, most, named
):
    source = make(tmp_path / "in.jsonl") if make is lines else make(tmp_path / "in")
    words = ("predict", model, source, "--to", to, *PREDICT, "--out")
    assert jnrf(*words, tmp_path / "whole").status == 1
    expected = contents(tmp_path / "whole")
    out = tmp_path / "out"
    ended = jnrf(*words, out, file_bytes=most)
    assert named in check_complaint(ended, out, LONG)
    assert not unfinished(out)
    seen = contents(out) if out.exists() else {}
    assert seen == {name: expected[name] for name in seen}
    assert jnrf(*words, out).status == 1
    assert contents(out) == expected


@pytest.mark.parametrize("to", ["brat", "jsonl", "parquet"])
def test_a_prediction_goes_on_as_often_as_the_disk_is_full(jnrf, model, tmp_path, disk, to):
    source = notes(tmp_path / "in")
    words = ("predict", model, source, "--to", to, *PREDICT, "--out")
    assert jnrf(*words, tmp_path / "whole").status == 1
    expected, out = contents(tmp_path / "whole"), disk.folder / "out"
    stops = 0
    for size in range(16, 2000, 32):
        disk(size)
        ended = jnrf(*words, out)
        if ended.status != 2:
            break
        stops += 1
        check_complaint(ended, out, FULL)
        seen = contents(out) if out.exists() else {}
        assert seen == {name: expected[name] for name in seen}
        assert not out.exists() or not unfinished(out)
    assert ended.status == 1, ended.err
    assert contents(out) == expected
    assert stops >= 3


# ------------------------------------------------------------------ jnrf train


def training(folder: Path, *words) -> tuple:
    """The words for a run that checkpoints often, and is scored on dev documents."""
    corpus = write_corpus(folder / "corpus", documents=3)
    dev = write_corpus(folder / "dev", documents=6, sentences=30, seed=8)
    return ("train", "--train", corpus, "--dev", dev, *TINY_WORDS, "--run.epochs", 2,
            "--run.checkpoint_every", 1, *words)  # fmt: skip


def go_on(run: Path, words: tuple) -> tuple:
    """The command that goes on with a run, or starts it where there is nothing yet."""
    if (run / "config.yaml").exists():
        return ("train", "--resume", "--out", run)
    return (*words, "--out", run)


def trained(run: Path) -> dict[str, bytes]:
    """The weights of a run, and what its best model finds."""
    kept = ("best/", "last/model", "last/training_state.safetensors", "predictions/")
    return {name: data for name, data in contents(run).items() if name.startswith(kept)}


def check_checkpoint(run: Path) -> None:
    """What stands there is whole."""
    for name in ("last", "best"):
        if (run / name).exists():
            JNRF.from_pretrained(run / name)
        assert not list(run.glob(f"{name}.*"))
    assert not unfinished(run)


def test_training_goes_on_as_often_as_the_disk_is_full(jnrf, tmp_path, disk):
    words = training(tmp_path)
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    expected, run = trained(tmp_path / "whole"), disk.folder / "run"
    stops = 0
    for size in range(16, 4000, 48):
        disk(size)
        ended = jnrf(*go_on(run, words))
        if ended.status != 2:
            break
        stops += 1
        check_complaint(ended, run, FULL)
        if run.exists():
            check_checkpoint(run)
    assert ended.status == 0, ended.err
    assert trained(run) == expected
    assert stops >= 3


def test_a_page_that_finds_no_room_is_written_when_the_run_is_resumed(jnrf, tmp_path):
    words = training(tmp_path)
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    weights = (tmp_path / "whole/last/model.safetensors").stat().st_size
    state = (tmp_path / "whole/last/training_state.safetensors").stat().st_size
    page = (tmp_path / "whole/report.html").stat().st_size
    most = max(weights, state) + 1000
    assert most < page
    run = tmp_path / "run"
    ended = jnrf(*words, "--out", run, file_bytes=most)
    assert "report.html" in check_complaint(ended, run, LONG)
    assert not (run / "summary.json").exists()  # it is not complete
    check_checkpoint(run)
    assert jnrf(*go_on(run, words)).status == 0
    assert trained(run) == trained(tmp_path / "whole")


def test_the_first_checkpoint_that_finds_no_room_is_told_before_any_step(jnrf, tmp_path):
    words, run = training(tmp_path), tmp_path / "run"
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    ended = jnrf(*words, "--out", run, file_bytes=20_000)
    assert "/last" in check_complaint(ended, run, LONG)
    assert jnrf(*go_on(run, words)).status == 0
    assert trained(run) == trained(tmp_path / "whole")


def fill(disk) -> Path:
    """A file that takes all room there is."""
    filler = disk.folder / "filler"
    filled = subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], capture_output=True, text=True)
    assert FULL in filled.stderr
    return filler


def test_metrics_that_find_no_room_are_written_when_the_run_is_resumed(jnrf, tmp_path, disk):
    words, run = training(tmp_path), tmp_path / "run"
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    run.mkdir()
    (disk.folder / "metrics.jsonl").touch()
    (run / "metrics.jsonl").symlink_to(disk.folder / "metrics.jsonl")
    filler = fill(disk)
    ended = jnrf(*words, "--out", run)
    assert "metrics.jsonl" in check_complaint(ended, run, FULL)
    check_checkpoint(run)
    filler.unlink()
    assert jnrf(*go_on(run, words)).status == 0
    assert trained(run) == trained(tmp_path / "whole")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_curves_that_find_no_room_are_told_and_the_run_can_be_resumed(jnrf, tmp_path, disk):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    words, run = training(tmp_path, "--run.tensorboard", "true"), tmp_path / "run"
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    run.mkdir()
    (disk.folder / "curves").mkdir()
    (run / "tensorboard").symlink_to(disk.folder / "curves")
    filler = fill(disk)
    ended = jnrf(*words, "--out", run)
    assert "tensorboard" in check_complaint(ended, run, FULL)
    check_checkpoint(run)
    filler.unlink()
    assert jnrf(*go_on(run, words)).status == 0
    assert trained(run) == trained(tmp_path / "whole")


# ------------------------------------------------------------------ corpora


@pytest.mark.parametrize("to", ["brat", "json", "tokens", "columns", "synth"])
def test_a_corpus_is_whole_once_there_is_room(jnrf, tmp_path, disk, to):
    corpus = write_corpus(tmp_path / "corpus", documents=20, sentences=40)
    words = ("convert", corpus, "OUT", "--to", to)
    if to == "synth":
        words = ("synth", "OUT", "--documents", 20, "--words", 400)
    words += ("--overwrite",)  # what was written before there was no room left

    def run(out: Path, **options):
        return jnrf(*(out if word == "OUT" else word for word in words), **options)

    assert run(tmp_path / "whole").status == 0
    expected, out = contents(tmp_path / "whole"), disk.folder / "out"
    check_complaint(run(tmp_path / "short", file_bytes=500), tmp_path / "short", LONG)
    for size in (16, 64):
        disk(size)
        check_complaint(run(out), out, FULL)
        seen = contents(out) if out.exists() else {}
        assert seen == {name: expected[name] for name in seen}
    disk(4000)
    assert run(out).status == 0
    assert contents(out) == expected
