"""``kill -9`` at any moment: what is visible is whole, and going on ends as if nothing happened.

One run is killed again and again, and started again each time, until it has been killed as often as
was meant to be; then it may end. Whatever was lost by a kill shows at the end.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import TINY_WORDS, contents, unfinished
from tiny_corpus import write_corpus

from jnrf.corpora.brat import read_document

pytestmark = pytest.mark.slow

#: Kills of a run
KILLS = 22
#: Attempts after which a test gives up, should commands end before they are killed
ATTEMPTS = 4 * KILLS

# ------------------------------------------------------------------ jnrf predict

#: Notes; with parts of one or two there are about as many parts
NOTES = 150
PREDICT = ("--part-tokens", 60, "--batch-tokens", 40, "--device", "cpu", "--threads", 1)


def texts(folder: Path) -> dict[str, str]:
    """Notes by their ids."""
    write_corpus(folder, documents=NOTES, seed=5)
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}


def files(folder: Path) -> Path:
    """Notes as files of two folders, some of which are none."""
    for id, text in texts(folder / "made").items():
        path = folder / "in" / ("ward" if id.endswith("7") else ".") / f"{id}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for id in ("note20", "note90", "note149"):
        (folder / "in" / f"{id}.txt").write_bytes(b"caf\xe9")
    (folder / "in" / "gone.txt").symlink_to(folder / "nowhere.txt")
    return folder / "in"


def json_lines(folder: Path) -> Path:
    """Notes as lines, some of which are none."""
    lines = [json.dumps({"id": id, "text": text}) for id, text in texts(folder / "made").items()]
    lines[30], lines[31], lines[120] = '{"id": "cut', "[]", '{"id": "no text"}'
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "in.jsonl"


def parquet(folder: Path) -> Path:
    """Notes as rows of two row groups, some of them without a text."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    rows = [{"id": id, "text": text} for id, text in texts(folder / "made").items()]
    rows[40]["text"] = rows[41]["id"] = None
    table = pa.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, folder / "in.parquet", row_group_size=NOTES // 2)
    return folder / "in.parquet"


def check_annotations(out: Path, source: Path) -> None:
    """All .ann files of ``out`` say of the texts what stands there."""
    found = sorted(out.rglob("*.ann"))
    mentions = 0
    for path in found:
        text = source / path.relative_to(out).with_suffix(".txt")
        mentions += len(read_document(text, path, on_mismatch="raise").mentions)
    assert mentions > len(found), "the model finds nothing, which proves nothing"


@pytest.mark.parametrize(
    ("make", "to"), [(files, "brat"), (json_lines, "jsonl"), (parquet, "parquet")]
)
def test_predictions_survive_kills_at_any_moment(jnrf, model, tmp_path, make, to):
    source, out, draw = make(tmp_path), tmp_path / "out", random.Random(to)
    words = ("predict", model, source, "--to", to, *PREDICT)
    began = time.monotonic()
    whole = jnrf(*words, "--out", tmp_path / "whole")
    seconds = time.monotonic() - began
    assert whole.status == 1, whole.err  # some notes were left out
    expected = contents(tmp_path / "whole")
    receipts = [name for name in expected if re.match(r"\.jnrf-predict/.*\.json$", name)]
    assert len(expected["errors.jsonl"].splitlines()) >= 2
    assert len(receipts) > 3 * KILLS  # there is work between any two kills
    if to == "brat":
        check_annotations(tmp_path / "whole", source)

    def done() -> int:
        folder = out / ".jnrf-predict"
        return sum(name.endswith(".json") for name in os.listdir(folder)) if folder.exists() else 0

    # The first are at the start, the last where all parts are there and the end is put together.
    moments = [0, 0, *sorted(draw.sample(range(1, len(receipts)), KILLS - 6)), *[len(receipts)] * 4]
    kills = at_work = 0
    for _ in range(ATTEMPTS):
        if kills == KILLS:
            break
        wanted, before = moments[kills], done()
        command = jnrf.start(*words, "--out", out)
        command.when(lambda wanted=wanted: done() >= wanted)
        pause = seconds / len(receipts) if done() < len(receipts) else seconds / 4
        time.sleep(draw.uniform(0, pause if wanted else seconds / 8))
        ended = command.kill()
        assert ended.status in (-signal.SIGKILL, 1), ended.err
        kills += ended.status == -signal.SIGKILL
        at_work += before < done()
        seen = contents(out, hidden=False)
        assert {name: expected.get(name) for name in seen} == seen
        assert before <= done() <= len(receipts)  # nothing that was done is forgotten
    assert kills == KILLS
    assert at_work >= KILLS // 3, "most kills missed the work"
    end = jnrf(*words, "--out", out)
    assert end.status == 1, end.err
    assert end.err.replace("/out/", "/whole/") == whole.err
    assert contents(out) == expected
    assert not unfinished(out)


@pytest.mark.parametrize(("make", "to"), [(files, "brat"), (json_lines, "jsonl")])
def test_corrections_survive_kills_and_nothing_else_is_taken_for_one(
    jnrf, model, tmp_path, make, to
):
    """A run with other numbers goes over predictions that were corrected, and is killed often."""
    source, out, draw = make(tmp_path), tmp_path / "out", random.Random(to)
    words = ("predict", model, source, "--to", to, *PREDICT, "--out")
    began = time.monotonic()
    assert jnrf(*words, tmp_path / "whole").status == 1
    seconds = time.monotonic() - began
    assert jnrf(*words, out, "--int8").status == 1
    expected = contents(tmp_path / "whole", hidden=False)
    before = contents(out, hidden=False)
    results = sorted(expected.keys() - {"errors.jsonl"})
    by_hand = {name: before[name] + b"#1\tAnnotatorNotes T1\tby hand\n" for name in results[::40]}
    for name, content in by_hand.items():
        (out / name).write_bytes(content)
    written, kills = out / ".jnrf-predict", 0
    for _ in range(ATTEMPTS):
        if kills == KILLS // 2:
            break
        command = jnrf.start(*words, out)
        old = {path.name for path in written.glob("*.json")}
        command.when(lambda old=old: any(p.name not in old for p in written.glob("*.json")))
        time.sleep(draw.uniform(0, seconds / KILLS))
        ended = command.kill()
        assert ended.status in (-signal.SIGKILL, 1), ended.err
        kills += ended.status == -signal.SIGKILL
        if ended.status == 1:
            break
        for name, content in contents(out, hidden=False).items():
            known = {before.get(name), expected.get(name), by_hand.get(name)}
            assert content in known, f"{name} is not whole"
        for name, content in by_hand.items():
            assert (out / name).read_bytes() == content
    assert kills >= 5
    assert jnrf(*words, out).status == 1
    seen = contents(out, hidden=False)
    kept = [json.loads(line) for line in seen.pop("kept.jsonl").splitlines()]
    assert {line["file"]: line["reason"] for line in kept} == dict.fromkeys(
        by_hand, "changed since it was written"
    )
    assert seen == expected | by_hand
    assert not unfinished(out)
    assert jnrf(*words, out, "--overwrite-corrected").status == 1
    assert contents(out, hidden=False) == expected
    assert contents(out) == contents(tmp_path / "whole")


def test_a_fork_does_what_python_m_jnrf_does(jnrf, model, tmp_path):
    """What the tests here start is what a user starts."""
    source = files(tmp_path)
    words = ("predict", model, source, *PREDICT)
    forked = jnrf(*words, "--out", tmp_path / "forked")
    started = subprocess.run(
        [sys.executable, "-m", "jnrf", *map(str, words), "--out", str(tmp_path / "started")],
        capture_output=True,
        text=True,
    )
    assert (started.returncode, started.stderr) == (
        forked.status,
        forked.err.replace("/forked/", "/started/"),
    )
    assert contents(tmp_path / "started") == contents(tmp_path / "forked")


# ------------------------------------------------------------------ jnrf train

#: What in metrics.jsonl, summary.json and the state is about time and memory, or depends on it
_COSTS = ("seconds", "tokens_per_second", "peak", "energy", "folder", "log_bytes")


def without_costs(value):
    """Rows and dicts without what differs from one run to the next."""
    if isinstance(value, dict):
        return {
            key: without_costs(inner)
            for key, inner in value.items()
            if not any(word in key for word in _COSTS)
        }
    return value


def outcome(run: Path) -> dict:
    """All of a run's folder that must be the same to the bit, however often it was interrupted."""
    kept = contents(run)
    rows = [json.loads(line) for line in kept.pop("metrics.jsonl").splitlines()]
    state = json.loads(kept.pop("last/training_state.json"))
    same = {
        "metrics": [without_costs(row) for row in rows],
        "summary": without_costs(json.loads(kept.pop("summary.json"))),
        "state": without_costs(state),
    }
    del kept["report.html"]  # tells times, and the name of the folder
    kept["config.yaml"] = kept["config.yaml"].replace(os.fsencode(run), b"RUN")
    return same | kept


def saved(run: Path) -> dict:
    """Where the newest whole checkpoint stands; at step -1 where there is none."""
    for _ in range(1000):  # one may be put in another's place at this moment
        exchanged = (run / "last.old").exists() and not (run / "last").exists()
        try:
            folder = run / ("last.new" if exchanged else "last")
            return json.loads((folder / "training_state.json").read_text())["run"]
        except FileNotFoundError:
            if not (run / "last").exists() and not (run / "last.old").exists():
                return {"step": -1, "epoch": 0}
        except ValueError:  # cannot be: a folder is put in place whole
            raise AssertionError(f"half a checkpoint stands in {run}") from None
    raise AssertionError(f"the last checkpoint of {run} is gone")


def steps_saved(run: Path) -> int:
    """The steps of that checkpoint."""
    return saved(run)["step"]


def files_in(folder: Path) -> int:
    """Count the files of a folder; -1 where it is away, as while it is renamed."""
    try:
        return len(os.listdir(folder))
    except FileNotFoundError:
        return -1


def rows_ahead(run: Path) -> bool:
    """Whether metrics.jsonl has a row that belongs to no checkpoint yet."""
    log = run / "metrics.jsonl"
    return log.exists() and log.read_bytes().count(b"\n") > saved(run)["epoch"]


def go_on(run: Path, words: tuple) -> tuple:
    """The command that goes on with a run, or starts it where there is nothing yet."""
    if (run / "config.yaml").exists():
        return ("train", "--resume", "--out", run)
    return (*words, "--out", run)


def test_training_survives_kills_at_any_moment(jnrf, tmp_path):
    draw = random.Random("train")
    corpus = write_corpus(tmp_path / "corpus", documents=6)
    dev = write_corpus(tmp_path / "dev", documents=4, seed=8)
    epochs = 8
    words = ("train", "--train", corpus, "--dev", dev, *TINY_WORDS, "--run.epochs", epochs,
             "--run.checkpoint_every", 1, "--optim.lr", 0.01)  # fmt: skip
    began = time.monotonic()
    whole = jnrf(*words, "--out", tmp_path / "whole")
    seconds = time.monotonic() - began
    assert whole.status == 0, whole.err
    expected = outcome(tmp_path / "whole")
    steps = expected["state"]["run"]["step"]
    assert steps == 6 * epochs

    run = tmp_path / "run"
    for folder in (run, run / "predictions/dev"):  # what a kill may leave, should none here
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".jnrf-0a1b2c3d.part").touch()
    moments = [-1, -1, *sorted(draw.sample(range(steps), KILLS - 5)), *[steps] * 3]
    kills = at_work = lost_rows = 0
    for _ in range(ATTEMPTS):
        if kills == KILLS or (run / "summary.json").exists():
            break
        before = steps_saved(run)
        command = jnrf.start(*go_on(run, words))
        least, at_row = moments[kills], kills % 3 == 1
        command.when(
            lambda least=least, at_row=at_row: (
                steps_saved(run) >= least and (not at_row or rows_ahead(run))
            )
        )
        time.sleep(0 if at_row else draw.uniform(0, 2 * seconds / steps))
        ended = command.kill()
        lost_rows += rows_ahead(run)
        assert ended.status in (-signal.SIGKILL, 0), ended.err
        kills += ended.status == -signal.SIGKILL
        after = steps_saved(run)
        at_work += before < after
        assert before <= after
        rows = (run / "metrics.jsonl").read_bytes() if (run / "metrics.jsonl").exists() else b""
        for row in rows.splitlines():
            assert without_costs(json.loads(row)) in expected["metrics"]
    assert kills >= KILLS - 3  # the last ones may come when all is written
    assert lost_rows, "no kill came between a row of metrics and its checkpoint"
    assert at_work >= KILLS // 3, "most kills missed the work"
    end = jnrf(*go_on(run, words))
    assert end.status == 0, end.err
    assert outcome(run) == expected
    assert not unfinished(run)


def test_a_kill_while_a_checkpoint_is_written_leaves_one_that_goes_on(jnrf, tmp_path):
    """The weights are many here, so that a good part of the time goes into writing them."""
    draw = random.Random("checkpoints")
    corpus = write_corpus(tmp_path / "corpus", documents=8, sentences=2)
    words = ("train", "--train", corpus, *TINY_WORDS, "--run.epochs", 4, "--run.checkpoint_every",
             1, "--model.hidden_size", 256)  # fmt: skip
    assert jnrf(*words, "--out", tmp_path / "whole").status == 0
    expected = outcome(tmp_path / "whole")
    assert len(expected["last/model.safetensors"]) > 500_000

    run = tmp_path / "run"
    new = run / "last.new"
    kills = in_writing = 0
    for _ in range(ATTEMPTS):
        if kills == KILLS or (run / "summary.json").exists():
            break
        before = steps_saved(run)
        command = jnrf.start(*go_on(run, words))
        # Where it is killed: at the first to third checkpoint that it writes, at some of its files.
        least = before + draw.choice((0, 1, 1, 2))
        at_files = draw.randrange(6)
        command.when(
            lambda least=least, written=at_files: (
                steps_saved(run) >= least and files_in(new) >= written
            )
        )
        time.sleep(draw.uniform(0, 0.002))
        ended = command.kill()
        assert ended.status in (-signal.SIGKILL, 0), ended.err
        kills += ended.status == -signal.SIGKILL
        in_writing += new.is_dir() or (run / "last.old").exists()
        assert steps_saved(run) >= before
    assert in_writing >= KILLS // 2, "most kills missed the checkpoints"
    end = jnrf(*go_on(run, words))
    assert end.status == 0, end.err
    assert outcome(run) == expected
    assert sorted(path.name for path in run.glob("last*")) == ["last"]
