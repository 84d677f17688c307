"""Input that changes while it is read, and two runs into one folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import TINY_WORDS, Command, contents, unfinished
from tiny_corpus import write_corpus

PREDICT = ("--part-tokens", 60, "--batch-tokens", 40, "--device", "cpu", "--threads", 1)
NOTES = 150


def texts(folder: Path) -> dict[str, str]:
    """Notes by their ids, which come in this order."""
    write_corpus(folder, documents=NOTES, seed=5)
    return {f"n{i:03}": (folder / f"note{i}.txt").read_text() for i in range(NOTES)}


def lines(made: dict[str, str]) -> bytes:
    """Notes as JSON lines."""
    return b"".join(json.dumps({"id": i, "text": t}).encode() + b"\n" for i, t in made.items())


def write_parquet(path: Path, made: dict[str, str], group: int = 10) -> None:
    """Notes as rows."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.table({"id": list(made), "text": list(made.values())})
    pyarrow.parquet.write_table(table, path, row_group_size=group)


def at_work(start: Callable[[], Command], out: Path) -> Command:
    """Wait until the first parts are written, and let it stand still there, far from the end.

    Where this process gets no turn for long, the command is through before: then it is begun anew.
    """
    folder = out / ".jnrf-predict"
    for _ in range(20):
        command = start()
        command.when(lambda: folder.exists() and len(list(folder.glob("*.json"))) >= 2)
        if command.stop() and len(list(folder.glob("*.json"))) < NOTES // 2:
            return command
        command.kill()
        shutil.rmtree(out)
    raise AssertionError("it was too fast to be stopped in time, again and again")


def grow(path: Path, made: dict[str, str]) -> None:
    with path.open("ab") as file:
        file.write(lines({"more": "He takes aspirin 81 mg for fever.\n"}))


def shrink(path: Path, made: dict[str, str]) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace(path: Path, made: dict[str, str]) -> None:
    """By a file of the same length, with other notes."""
    new = path.with_name("new")
    new.write_bytes(lines(dict(reversed(made.items()))))
    assert new.stat().st_size == path.stat().st_size
    new.replace(path)


def remove(path: Path, made: dict[str, str]) -> None:
    path.unlink()


def replace_rows(path: Path, made: dict[str, str]) -> None:
    new = path.with_name("new")
    write_parquet(new, dict(reversed(made.items())))
    new.replace(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("in.jsonl", grow),
        ("in.jsonl", shrink),
        ("in.jsonl", replace),
        ("in.jsonl", remove),
        ("in.parquet", replace_rows),
        ("in.parquet", shrink),
        ("in.parquet", remove),
    ],
)
def test_a_table_that_changes_stops_the_run_and_keeps_what_is_done(
    jnrf, model, tmp_path, name, change
):
    made, source, out = texts(tmp_path / "made"), tmp_path / name, tmp_path / "out"

    def write() -> None:
        if name == "in.parquet":
            write_parquet(source, made)
        else:
            source.write_bytes(lines(made))

    write()
    words = ("predict", model, source, *PREDICT, "--out")
    assert jnrf(*words, tmp_path / "whole").status == 0
    expected = contents(tmp_path / "whole")
    command = at_work(lambda: jnrf.start(*words, out), out)
    change(source, made)
    command.signal(signal.SIGCONT)
    said = command.wait().complaint()
    assert str(source) in said
    assert ("cannot read" if change is remove else "changed while it was read") in said
    seen = contents(out)
    assert seen == {part: expected[part] for part in seen}
    assert not unfinished(out)
    # With the content that it has now it is another input; with what it had, the same.
    if change in (grow, replace, replace_rows):
        assert jnrf(*words, out).status == 0
        assert jnrf(*words, tmp_path / "now").status == 0
        assert contents(out) == contents(tmp_path / "now") != expected
    write()
    assert jnrf(*words, out).status == 0
    assert contents(out) == expected


@pytest.mark.slow
def test_notes_that_go_or_change_are_left_out_or_read_as_they_are(jnrf, model, tmp_path):
    made, source, out = texts(tmp_path / "made"), tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for id, text in made.items():
        (source / f"{id}.txt").write_text(text)
    words = ("predict", model, source, *PREDICT, "--out")
    command = at_work(lambda: jnrf.start(*words, out), out)
    (source / "n140.txt").unlink()
    (source / "n141.txt").unlink()
    (source / "n141.txt").mkdir()
    (source / "n142.txt").write_text("He takes warfarin 5 mg for fever.\n")
    (source / "n143.txt").write_bytes(b"caf\xe9")
    (source / "z.txt").write_text("He takes aspirin.\n")
    command.signal(signal.SIGCONT)
    ended = command.wait()
    assert ended.status == 1
    told = ended.err.splitlines()
    assert len(told) == 4
    for name, reason in (("0", "no file"), ("1", "is a folder"), ("3", "not UTF-8")):
        assert any(f"n14{name}.txt" in t and reason in t for t in told), "\n".join(told)
    assert not unfinished(out)
    assert len((out / "errors.jsonl").read_text().splitlines()) == 3
    # What was gone is no note any more; what came is one.
    ended = jnrf(*words, out)
    assert ended.status == 1
    assert jnrf(*words, tmp_path / "whole").status == 1
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_second_run_into_the_same_folder_is_refused_until_the_first_has_ended(
    jnrf, model, tmp_path
):
    made, source, out = texts(tmp_path / "made"), tmp_path / "in.jsonl", tmp_path / "out"
    source.write_bytes(lines(made))
    words = ("predict", model, source, *PREDICT, "--out")
    assert jnrf(*words, tmp_path / "whole").status == 0
    first = at_work(lambda: jnrf.start(*words, out), out)
    before = contents(out)
    said = jnrf(*words, out).complaint()
    assert said == (f"another jnrf predict writes into {out}; wait for it, or give another --out")
    other = tmp_path / "other.jsonl"
    other.write_bytes(lines({"x": "He takes aspirin."}))
    for more in ((), ("--overwrite",), ("--again",)):
        ended = jnrf("predict", model, other, *PREDICT, "--out", out, *more)
        assert str(out) in ended.complaint()
    assert contents(out) == before  # nothing of the first one's is touched
    first.signal(signal.SIGCONT)
    first.kill()
    assert jnrf(*words, out).status == 0
    assert contents(out) == contents(tmp_path / "whole")


# ------------------------------------------------------------------ training documents


def test_documents_that_go_while_they_are_read(jnrf, tmp_path):
    """A link that leads nowhere is a text that was there when the folder was listed."""
    corpus = write_corpus(tmp_path / "corpus", documents=3)
    (corpus / "note1.txt").unlink()
    (corpus / "note1.txt").symlink_to(tmp_path / "gone.txt")
    said = jnrf("train", "--train", corpus, "--out", tmp_path / "run", *TINY_WORDS).complaint()
    assert f"no file {corpus}/note1.txt; check the path" in said
    assert not (tmp_path / "run").exists()


def test_a_pipe_among_documents_keeps_nobody_waiting(jnrf, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", documents=3)
    (corpus / "note0.txt").unlink()
    os.mkfifo(corpus / "note0.txt")
    said = jnrf("train", "--train", corpus, "--out", tmp_path / "run", *TINY_WORDS).complaint()
    assert f"{corpus}/note0.txt is a pipe, not a file" in said
    assert not (tmp_path / "run").exists()


def test_other_documents_at_a_resume_are_refused_and_the_run_is_kept(jnrf, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", documents=4)
    run = tmp_path / "run"
    words = ("train", "--train", corpus, *TINY_WORDS, "--run.epochs", 3,
             "--run.checkpoint_every", 1)  # fmt: skip
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    command = jnrf.start(*words, "--out", run)
    state = run / "last/training_state.json"
    command.when(lambda: state.exists() and b'"step": 0,' not in state.read_bytes())
    assert command.kill().status == -signal.SIGKILL
    before = (corpus / "note1.ann").read_text()

    def resume():
        return jnrf("train", "--resume", "--out", run)

    others = rf"the training documents are not those that .*{run}/last"
    for change, told in (
        (lambda: (corpus / "note1.ann").write_text(before.replace("Drug", "Reason", 1)), others),
        (lambda: (corpus / "note1.ann").unlink(), r"no \.ann, .* beside 1 of 4 texts: note1"),
        (lambda: write_corpus(corpus, documents=5), others),
    ):
        change()
        assert re.search(told, resume().complaint())
        (corpus / "note1.ann").write_text(before)
    for name in ("note4.txt", "note4.ann"):
        (corpus / name).unlink()
    (corpus / "note3.txt").rename(corpus / "away.txt")
    assert "note3.ann has no note3.txt" in resume().complaint()
    (corpus / "away.txt").rename(corpus / "note3.txt")
    assert resume().status == 0
    for name in ("best", "last"):
        weights = f"{name}/model.safetensors"
        assert (run / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
