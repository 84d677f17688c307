"""Two processes train as one does: the same weights, one voice, and one end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from no_waits import NoWaits
from safetensors.torch import load_file
from tiny_corpus import TINY

from jnrf.cli import main
from jnrf.device import choose_device
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf.training.distributed.step import add_up
from jnrf.training.distributed.team import ALONE
from jnrf.training.interrupt import StopRequest
from jnrf.training.log import read_rows
from jnrf.training.run_folder import RunFolder, check_step_batches
from jnrf_ext.errors import InputError

#: Dropout of all kinds, whose random numbers must not depend on who computes a batch
RANDOM = {
    "model.wordpiece_dropout": 0.1,
    "model.embedding_dropout": 0.1,
    "model.layer_dropout": 0.2,
    "model.head_dropout": 0.2,
    "model.phase_jitter": 16,
    "run.bf16": "never",
    "optim.lr": 3e-3,
}
#: Gradients of float32 are added in another order: a relative error of about 2**-24 for each of a
#: few batches, relative to summands that may exceed their sum a thousandfold, of steps of at most
#: lr = 3e-3 (polynomials and CRFs: 1e-2). Ten such steps: 10 * 1e-2 * 4 * 2**-24 * 1000.
TOLERANCE = 2.5e-5
PATIENCE = 300


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Nine notes to train on, an odd number, and others; four further ones of other labels."""
    root = tmp_path_factory.mktemp("corpora")
    for name, documents, seed in (("train", 9, 1), ("dev", 5, 2), ("other", 4, 3)):
        words = ["--documents", str(documents), "--words", "60", "--seed", str(seed)]
        assert main(["synth", str(root / name), *words]) == 0
    for path in (root / "other").glob("*.ann"):
        lines = [x for x in path.read_text().splitlines() if x.startswith("T")]
        path.write_text("".join(f"{x}\n" for x in lines).replace("\tReason ", "\tProblem "))
    (root / "mentions").mkdir()
    for path in (root / "train").iterdir():
        lines = path.read_text().splitlines(keepends=True)
        kept = lines if path.suffix == ".txt" else [x for x in lines if x.startswith("T")]
        (root / "mentions" / path.name).write_text("".join(kept))
    return root


def options(out: Path, corpora: Path, **overrides) -> dict:
    folders = {"data.train": str(corpora / "train"), "run.out": str(out), "run.epochs": 2}
    return TINY | RANDOM | folders | overrides


def alone(out: Path, corpora: Path, resume: bool = False, **overrides):
    """Train in this process."""
    config = settings.merge({}, options(out, corpora, **overrides))
    return loop.train(TrainConfig.from_dict(config), resume)


def launch(words: list[str], program: list[str] | None = None) -> subprocess.Popen:
    """Start two processes as a user does."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return subprocess.Popen(
        [sys.executable, *torchrun, *(program or ["-m", "jnrf"]), "train", *words],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def two(out: Path, corpora: Path, program: list[str] | None = None, **overrides):
    """Start two processes that train; what torchrun was given."""
    given = options(out, corpora, **overrides).items()
    return launch([word for key, value in given for word in (f"--{key}", _word(value))], program)


def _word(value) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "null" if value is None else str(value)


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def difference(one: Path, other: Path) -> float:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


def rows(run: Path) -> list[dict]:
    timing = ("seconds", "tokens_per_second")
    read = read_rows(run / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k not in timing} for row in read]


# ------------------------------------------------------------------ the same as one process


@pytest.mark.slow
def test_two_processes_give_the_weights_and_scores_of_one(tmp_path, corpora):
    """Steps of two batches a process; an epoch's last one has a single batch, for one of them."""
    documents = {"data.dev": str(corpora / "dev"), "data.test": str(corpora / "dev")}
    process = two(tmp_path / "two", corpora, **documents, **{"optim.accumulate": 2})
    summary = alone(tmp_path / "one", corpora, **documents, **{"optim.accumulate": 4})
    # What is to be equal is not so by chance: other steps give other weights.
    alone(tmp_path / "other", corpora, **documents, **{"optim.accumulate": 2})
    code, out, err = ended(process)
    assert code == 0, err

    assert [row["step"] for row in rows(tmp_path / "two")] == [3, 6]
    assert difference(tmp_path / "one/last", tmp_path / "two/last") < TOLERANCE
    assert difference(tmp_path / "one/last", tmp_path / "other/last") > 20 * TOLERANCE
    for one, shared in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert one.pop("dev") == shared.pop("dev")
        assert shared == pytest.approx(one, rel=1e-5)
    found = json.loads((tmp_path / "two/summary.json").read_text())
    assert found["headlines"] == summary.headlines
    assert found["device"] == "the CPU (2 processes)"
    for name in ("dev", "test"):
        assert len([*(tmp_path / "two/predictions" / name).iterdir()]) == 5
    for once in ("train: 9 documents", "epoch 1/2", "epoch 2/2", "dev, official", "report  "):
        assert out.count(once) == 1
    assert "Warning" not in err


#: Corpora where some weights get no gradient in some steps, or in none
UNUSED = {
    "auxiliary corpora": lambda corpora: {
        "data.auxiliary": [str(corpora / "other"), str(corpora / "dev")],
        "run.auxiliary_epochs": 1,
        "optim.accumulate": 2,
    },
    "no relations": lambda corpora: {"data.train": str(corpora / "mentions")},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", UNUSED)
def test_weights_that_a_step_does_not_use_are_moved_as_by_one_process(tmp_path, corpora, case):
    overrides = UNUSED[case](corpora)
    process = two(tmp_path / "two", corpora, **overrides)
    accumulate = 2 * overrides.get("optim.accumulate", 1)
    alone(tmp_path / "one", corpora, **overrides | {"optim.accumulate": accumulate})
    code, _, err = ended(process)
    assert code == 0, err
    assert rows(tmp_path / "two")[-1]["step"] == rows(tmp_path / "one")[-1]["step"]
    assert difference(tmp_path / "one/last", tmp_path / "two/last") < TOLERANCE


# ------------------------------------------------------------------ stopping and going on

#: Long enough to be stopped in; scored at its end alone
LONG = {"run.epochs": 40, "run.eval_every": 40, "run.checkpoint_every": 4}


def process_of(launcher: subprocess.Popen, rank: int) -> int:
    """The id of a process that torchrun started."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("which process is which is read from /proc")
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    for child in children:
        if f"\0RANK={rank}\0" in f"\0{Path(f'/proc/{child}/environ').read_text()}":
            return int(child)
    raise AssertionError(f"no process {rank} among {children}")


def wait_for_epochs(process: subprocess.Popen, run: Path, count: int) -> None:
    limit = time.monotonic() + PATIENCE
    while len(read_rows(run / "metrics.jsonl")) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_very_same_weights(tmp_path, corpora):
    run = tmp_path / "run"
    whole = two(tmp_path / "whole", corpora, **LONG)
    process = two(run, corpora, **LONG)
    wait_for_epochs(process, run, 1)
    os.kill(process_of(process, 1), signal.SIGTERM)  # one process alone is told
    code, _, err = ended(process)
    assert code != 0
    assert err.count(f"all saved; to go on: jnrf train --resume --out {run}") == 1
    assert ended(whole)[0] == 0

    process = launch(["--resume", "--out", str(run)])
    wait_for_epochs(process, run, len(read_rows(run / "metrics.jsonl")) + 1)
    process.terminate()  # the launcher, which tells all
    code, _, err = ended(process)
    assert code != 0
    assert err.count("all saved; to go on") == 1
    assert not (run / "summary.json").exists()

    code, _, err = ended(launch(["--resume", "--out", str(run)]))
    assert code == 0, err
    for name in ("last", "best"):
        one, other = (folder / name / "model.safetensors" for folder in (tmp_path / "whole", run))
        assert one.read_bytes() == other.read_bytes()
    assert rows(run) == rows(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_all_and_one_process_can_go_on(tmp_path, corpora, rank):
    """With as many batches a step as the two took, to what one would have had but for rounding."""
    run = tmp_path / "run"
    often = {"run.epochs": 12, "run.checkpoint_every": 1, "data.holdout": 0}
    process = two(run, corpora, **often)
    wait_for_epochs(process, run, 1)
    os.kill(process_of(process, rank), signal.SIGKILL)
    code, _, err = ended(process)
    assert code != 0
    assert err.count("jnrf train: error: another process of the run ended") == 1
    assert not (run / "summary.json").exists()

    with pytest.raises(InputError, match=r"takes 2 batches a step .*--optim.accumulate 2"):
        alone(run, corpora, resume=True, **often)
    alone(run, corpora, resume=True, **often, **{"optim.accumulate": 2})
    alone(tmp_path / "one", corpora, **often, **{"optim.accumulate": 2})
    for resumed, whole in zip(rows(run), rows(tmp_path / "one"), strict=True):
        assert resumed == pytest.approx(whole, rel=1e-3)


# ------------------------------------------------------------------ ending together


@pytest.mark.slow
def test_a_mistake_is_said_once(tmp_path, corpora):
    missing = {"data.train": str(tmp_path / "none")}
    code, out, err = ended(two(tmp_path / "run", corpora, **missing))
    assert code != 0
    assert not out
    assert err.count("jnrf train: error: no file or folder") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_error_of_the_process_that_writes_ends_all(tmp_path, corpora):
    run = tmp_path / "run"
    run.mkdir()
    (run / "predictions").write_text("no folder can be made here")
    code, _, err = ended(two(run, corpora, **{"data.dev": str(corpora / "dev")}))
    assert code != 0
    assert err.count("jnrf train: error: cannot write") == 1
    assert "process 0" not in err


#: jnrf, of which one process cannot read its documents while the other waits for it
FAULTY = """
    import os, sys
    from jnrf.cli import main
    from jnrf.training import loop
    from jnrf_ext.errors import InputError

    def predict(*args, **kwargs):
        raise InputError("its disk is gone; put it back")

    if os.environ["RANK"] == "1":
        loop.evaluation.predict = predict
    sys.exit(main())
"""


@pytest.mark.slow
def test_an_error_of_another_process_ends_all_and_is_said_by_the_first(tmp_path, corpora):
    program = tmp_path / "faulty.py"
    program.write_text(textwrap.dedent(FAULTY))
    process = two(tmp_path / "run", corpora, [str(program)], **{"data.dev": str(corpora / "dev")})
    code, _, err = ended(process)
    assert code != 0
    assert err.count("its disk is gone") == 1
    assert "jnrf train: error: process 1: its disk is gone; put it back\n" in err
    assert (tmp_path / "run/last/model.safetensors").exists()


def test_an_environment_that_makes_no_sense_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "--train", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the environment has RANK" in error
    assert "start with torchrun, or unset" in error


def test_a_launcher_that_is_not_there_is_said(monkeypatch):
    """The other end of the store: this process hosts none, being the second of two."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    for name, value in zip(names, ("1", "2", "1", "127.0.0.1", "1"), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("jnrf.training.distributed.team.dist.rendezvous", refused)
    with pytest.raises(InputError, match=r"cannot reach the launcher at 127.0.0.1:1 .*torchrun"):
        loop.train(TrainConfig())


def refused(url):
    raise RuntimeError("The client socket has failed to connect")


# ------------------------------------------------------------------ parts


@pytest.mark.parametrize(
    ("before", "accumulate", "processes", "remedy"),
    [
        (4, 4, 1, None),
        (4, 2, 2, None),
        (4, 1, 4, None),
        (4, 1, 2, "resume it with --optim.accumulate 2"),
        (4, 1, 3, "resume it with a number of processes that divides 4"),
        (0, 3, 1, None),  # an earlier version's: config.yaml says it
        (0, 1, 1, "resume it with --optim.accumulate 3"),
    ],
)
def test_a_resumed_run_takes_as_many_batches_a_step(
    tmp_path, before, accumulate, processes, remedy
):
    config = TrainConfig.from_dict({"optim": {"accumulate": 3}})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    folder = RunFolder(tmp_path)
    if remedy is None:
        check_step_batches(folder, before, accumulate, processes)
    else:
        with pytest.raises(InputError, match=remedy):
            check_step_batches(folder, before, accumulate, processes)


def test_losses_stand_where_their_batches_do_and_nothing_waits_for_them():
    losses = [(2, torch.tensor([1.0, 2.0, 3.0]).double()), (0, torch.ones(3).double())]
    found = add_up(ALONE, losses, 3, torch.tensor([5.0]).double(), stop=True)
    assert [part.tolist() for part in found] == [[1, 1, 1, 0, 0, 0, 1, 2, 3], [5], [1]]
    dropped = torch.zeros(1, dtype=torch.float64, device="meta")
    with NoWaits():
        add_up(ALONE, [(1, torch.zeros(3, device="meta").double())], 2, dropped, stop=False)


def test_each_process_of_a_machine_has_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    assert choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu", 7) == torch.device("cpu")
    with pytest.raises(InputError, match=r"LOCAL_RANK 2: torch sees 2 CUDA devices here"):
        choose_device("auto", 2)


def test_a_second_ctrl_c_of_a_launcher_stops_nothing_at_once():
    with StopRequest(patient=True) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
