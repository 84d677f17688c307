"""Prediction on a cluster: as without one to the byte, whatever happens to its workers."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from commands import contents, unfinished
from tiny_corpus import write_corpus

from jnrf.cli import main
from jnrf.prediction import on_ray
from jnrf.prediction.outputs import BratOutput
from jnrf.prediction.predictor import PredictorSettings
from jnrf.prediction.receipts import Receipts
from jnrf.prediction.sources import open_source
from jnrf_ext.errors import InputError

#: Says which processes a test has started, and theirs
MARK = "JNRF_TEST_RAY"
NOTES = 40
SIZES = ("--part-tokens", "60", "--batch-tokens", "64", "--device", "cpu", "--threads", "1")

slow = pytest.mark.slow


@pytest.fixture
def job(tmp_path, model_folder):
    """Two notes in two parts, into a folder that no run has been at."""
    source, _ = open_source(write_corpus(tmp_path / "notes"), part_bytes=1)
    receipts = Receipts(tmp_path / "out")
    receipts.folder.mkdir(parents=True)
    return on_ray.Job(
        predictor=PredictorSettings(str(model_folder), "cpu"),
        source=source,
        output=BratOutput(receipts.out, with_texts=False),
        receipts=receipts,
        batch_tokens=64,
        settings="",
    )


def rows_of(job) -> list[dict]:
    """What an actor is called with for each part."""
    return [{"part": [pickle.dumps((part, {}))]} for part in job.source.parts()]


def call(actor, rows):
    """What an actor makes of a part."""
    return pickle.loads(actor(rows)["done"][0])


def test_after_a_failure_workers_leave_the_rest_and_nothing_is_cleared_away(job, monkeypatch):
    actor = on_ray.Actor(pickle.dumps(job))
    first, second = rows_of(job)
    (job.receipts.out / "note0.ann").mkdir()
    failure = call(actor, first)
    with pytest.raises(InputError, match=r"cannot write \S+note0.ann: .* \(on "):
        raise failure.raised("auto")
    assert call(actor, second) is None
    (job.receipts.folder / "stop").unlink()
    (job.receipts.out / "note0.ann").rmdir()
    _, receipt, skipped = call(actor, first)
    assert (receipt.documents, skipped) == (1, False)
    assert call(actor, first)[2]  # it is there by now
    before = contents(job.receipts.out)
    assert len(before) == 2

    ray = SimpleNamespace(exceptions=SimpleNamespace(RayError=KeyError), shutdown=lambda: None)
    monkeypatch.setattr(on_ray, "_import", lambda: ray)
    monkeypatch.setattr(on_ray, "_connect", lambda ray, address: None)
    for came, said in (([None, failure], "cannot write"), ([None], "a worker failed, and 1 part")):
        rows = [pickle.dumps(entry) for entry in came]
        monkeypatch.setattr(on_ray, "_done", lambda *_, rows=rows: iter(rows))
        with pytest.raises(InputError, match=said):
            on_ray.run_on_ray(job)
        assert contents(job.receipts.out) == before


def test_workers_keep_what_someone_corrected_and_know_what_others_wrote(job):
    first, second = (on_ray.Actor(pickle.dumps(job)) for _ in range(2))
    rows, out = rows_of(job)[0], job.receipts.out
    assert call(first, rows)[1].kept == {}
    whole = (out / "note0.ann").read_bytes()
    second.worker.receipts.written.changed(["note0.ann"])  # has read the hashes by now
    # A worker that ended after its files and before its receipt, which had found something else.
    job.receipts.forget()
    part, _ = pickle.loads(rows["part"][0])
    key = first.worker.prepare(part).key
    first.worker.receipts.written.write(key, [{"note0.ann": whole + b"T9"}], False)
    assert call(second, rows)[1].kept == {}
    assert (out / "note0.ann").read_bytes() == whole
    job.receipts.forget()
    (out / "note0.ann").write_text("by hand")
    assert list(call(second, rows)[1].kept) == ["note0.ann"]
    assert (out / "note0.ann").read_text() == "by hand"


def test_a_part_whose_workers_end_again_and_again_is_told(job):
    """Where notes take all memory, Ray would give them to one worker after another without end."""
    actor = on_ray.Actor(pickle.dumps(job))
    rows = rows_of(job)[0]

    def begin_and_end() -> None:
        process = os.fork()
        if process == 0:  # ends in the middle of its part
            try:
                actor.worker.prepare = lambda part, names: os._exit(9)
                print(call(actor, rows))
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9

    for _ in range(on_ray.TRIES - 1):
        begin_and_end()
    assert call(actor, rows)[1].documents == 1
    for path in job.receipts.out.glob("*.ann"):
        path.unlink()
    for _ in range(on_ray.TRIES):
        begin_and_end()
    told = r"4 workers ended while they had the notes from \S+note0.t"
    with pytest.raises(InputError, match=told):
        raise call(actor, rows).raised("auto")


def test_a_missing_ray_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"Ray Data.*not installed; pip install 'jnrf_ext\[ray\]'"):
        on_ray.run_on_ray(None)


def marked(mark: str) -> dict[int, str]:
    """The processes that were started with a mark in their environment: how each calls itself."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0".encode() in (process / "environ").read_bytes():
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(process.name)] = line
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return {pid: line for pid, line in found.items() if line}  # those without are ending


def environment(mark: str) -> dict[str, str]:
    """For a cluster whose processes are to be found again."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return os.environ | single | {MARK: mark, "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of three machines, which are this one, with a worker each."""
    pytest.importorskip("ray", reason="Ray is not installed")
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are found in /proc")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment("cluster").items():
            patch.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        try:
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def work(model_folder, tmp_path_factory):
    """Notes, some of which cannot be read, and what is predicted for them without a cluster."""
    folder = tmp_path_factory.mktemp("work")
    write_corpus(folder / "made", documents=NOTES, seed=7)
    (folder / "in").mkdir()
    lines = []
    for path in sorted((folder / "made").glob("*.txt")):
        (folder / "in" / path.name).write_text(path.read_text())
        lines.append(json.dumps({"id": path.stem, "text": path.read_text()}))
    (folder / "in/note20.txt").write_bytes(b"caf\xe9")
    lines[10] = '{"id": "cut'
    lines[30] = json.dumps({"id": "note0", "text": "He takes aspirin 81 mg for fever.\n"})
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def start(model, source, out, *words, mark="driver", **options) -> subprocess.Popen:
    """``python -m jnrf predict``, in another folder than the cluster was started in."""
    command = (sys.executable, "-m", "jnrf", "predict", model, source, "--out", out, *SIZES, *words)
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(mark),
        **options,
    )


def on_cluster(*args, **options) -> tuple[int, str, str]:
    """Run it to its end: its status, and what it said on the two streams."""
    process = start(*args, **options)
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


@pytest.fixture
def alone(capsys):
    """Predicts without a cluster, in this process: status and what was said on standard error."""
    threads = torch.get_num_threads()

    def predict(model, source, out, *words) -> tuple[int, str]:
        command = ("predict", model, source, "--out", out, *SIZES, *words)
        status = main([str(word) for word in command])
        return status, capsys.readouterr().err

    yield predict
    torch.set_num_threads(threads)


def plain(said: str) -> str:
    """What was said, without the name of the folder of predictions and without lines of progress.

    These come once a minute, so that a busy machine alone says them.
    """
    lines = said.splitlines(keepends=True)
    told = "".join(line for line in lines if not re.match(r"[\d,]+ documents  ", line))
    return re.sub(r"\S+/(one|many)\b", "OUT", told)


@slow
@pytest.mark.parametrize("to", ["brat", "parquet"])
def test_a_cluster_predicts_the_same_to_the_byte(
    model_folder, cluster, work, tmp_path, alone, monkeypatch, to
):
    """Notes that cannot be read and ids that come twice included; and Ray says nothing of its own.

    The model's path is relative to where the run is started, which is not where workers are.
    """
    source, model = work / "in.jsonl", os.path.relpath(model_folder, tmp_path)
    many = on_cluster(
        *(model, source, tmp_path / "many", "--to", to, "--ray", cluster, "--workers", "3"),
        cwd=tmp_path,
    )
    monkeypatch.chdir(tmp_path)
    one = alone(model, source, tmp_path / "one", "--to", to)
    assert (many[0], plain(many[2])) == (1, plain(one[1]))
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    faults = (tmp_path / "many/errors.jsonl").read_text()
    assert ("another note has the id 'note0'" in faults) == (to == "brat")


def actors() -> list[int]:
    """The processes of the cluster's workers that have a model, or are about to."""
    return [pid for pid, line in marked("cluster").items() if line.startswith("ray::MapWorker")]


def until(ready, process: subprocess.Popen | None = None, seconds: float = 120.0) -> None:
    """Wait until ``ready``; the process must not end before."""
    end = time.monotonic() + seconds
    while not ready():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.01)


@slow
def test_what_a_killed_worker_had_is_done_by_another(model_folder, cluster, work, tmp_path, alone):
    one = alone(model_folder, work / "in", tmp_path / "one")
    process = start(
        model_folder, work / "in", tmp_path / "many", "--ray", cluster, "--workers", "3"
    )
    folder = tmp_path / "many/.jnrf-predict"
    until(lambda: len(list(folder.glob("*.json"))) >= 3, process)
    for pid in actors()[:2]:
        os.kill(pid, signal.SIGKILL)
    assert len(list(folder.glob("*.json"))) < len(list((tmp_path / "one/.jnrf-predict").iterdir()))
    _, err = process.communicate(timeout=180)
    assert (process.returncode, plain(err)) == (1, plain(one[1]))
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert not unfinished(tmp_path / "many")
    until(lambda: not actors())  # none is left behind


@slow
def test_what_goes_wrong_in_a_worker_is_one_line(model_folder, cluster, work, tmp_path):
    (tmp_path / "many/note3.ann").mkdir(parents=True)
    ray = ("--ray", cluster, "--workers", "2")
    status, _, err = on_cluster(model_folder, work / "in", tmp_path / "many", *ray, "--overwrite")
    assert (status, err.count("\n")) == (2, 1), err
    assert err.startswith(f"jnrf predict: error: cannot write {tmp_path}/many/note3.ann: ")

    damaged = tmp_path / "model"
    damaged.mkdir()
    for path in model_folder.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    status, _, err = on_cluster(damaged, work / "in", tmp_path / "other", *ray)
    assert (status, err.count("\n")) == (2, 1), err
    assert f"error: {weights} does not fit its config.json or is damaged" in err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_told_at_once(address):
    with pytest.raises(InputError, match=rf"--ray {address}: no cluster can be reached there \("):
        on_ray._check_address(address)


@slow
def test_a_killed_run_takes_its_own_cluster_with_it(model_folder, work, tmp_path, alone):
    """Without an address. It then goes on where it was, and leaves no process behind either."""
    pytest.importorskip("ray", reason="Ray is not installed")
    one = alone(model_folder, work / "in", tmp_path / "one")
    words = (model_folder, work / "in", tmp_path / "many", "--workers", "2", "--ray")
    process = start(*words, mark="local")
    until(lambda: len(list((tmp_path / "many/.jnrf-predict").glob("*.json"))) >= 2, process)
    process.kill()
    process.communicate()
    # Agents of Ray that know nothing of our files may take a minute to notice.
    until(lambda: all("Agent" in line for line in marked("local").values()))
    seen = contents(tmp_path / "many", hidden=False)
    whole = contents(tmp_path / "one")
    assert {name: whole.get(name) for name in seen} == seen
    status, out, err = on_cluster(*words, mark="again")
    assert (status, plain(err)) == (1, plain(one[1]))
    assert " more were there already" in out
    assert contents(tmp_path / "many") == whole
    assert not unfinished(tmp_path / "many")
    until(lambda: not marked("again"), seconds=30)
