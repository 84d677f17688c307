"""Running a study: each run a process of its own, resumable, the others going on when one fails."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jnrf.study.plan import Run
from jnrf.training.interrupt import Interrupted, StopRequest
from jnrf.training.run_folder import RunFolder
from jnrf_ext.errors import InputError

#: The command that a run's words are appended to
TRAINER = [sys.executable, "-m", "jnrf", "train"]
#: What a run said, in its folder
LOG = "log.txt"
_POLL = 0.1
_LAST_LINES = 5
_LAST_BYTES = 8192


@dataclass
class Active:
    """A run under way."""

    run: Run
    process: subprocess.Popen
    started: float


class StudyLock:
    """While entered, no other ``jnrf study`` runs in the folder.

    The processes it starts inherit the lock: one that outlives a killed study still holds it.
    """

    def __init__(self, out: Path):
        self._path = out / "study.lock"

    def __enter__(self) -> IO:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "w")  # held until __exit__
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise InputError(
                f"{self._path.parent} is in use by another jnrf study, or by a training that one "
                "left behind; wait until it is done, or give another --out"
            ) from None
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()


def run_all(
    runs: Sequence[Run],
    lock: IO,
    jobs: int = 1,
    trainer: Sequence[str] = TRAINER,
    ended: Callable[[Run, float], None] = lambda run, seconds: None,
    watch: Callable[[Sequence[Active]], None] = lambda active: None,
) -> list[Run]:
    """Do the runs that are not done, ``jobs`` at once; the ones that failed are returned.

    ``ended`` is called after each run, done or failed, ``watch`` a few times a second. Raises
    :class:`Interrupted` after Ctrl-C or SIGTERM, once the runs under way have saved themselves.
    """
    waiting = [run for run in runs if run.status != "done"]
    failed: list[Run] = []
    active: list[Active] = []
    with StopRequest() as stop:
        try:
            while waiting or active:
                while waiting and len(active) < jobs and not stop.requested:
                    active.append(_start(waiting.pop(0), lock, jobs, trainer))
                time.sleep(_POLL)
                for one in [a for a in active if a.process.poll() is not None]:
                    active.remove(one)
                    if not _close(one):
                        failed.append(one.run)
                    ended(one.run, time.monotonic() - one.started)
                watch(active)
                if stop.requested:
                    _stop(active)
                    raise Interrupted
        finally:
            # A second Ctrl-C, or an error of ours: nothing is left running.
            for one in active:
                one.process.kill()
                one.process.wait()
    return failed


def _start(run: Run, lock: IO, jobs: int, trainer: Sequence[str]) -> Active:
    run.write_record(status="started", jobs=jobs)
    environment = dict(os.environ)
    if jobs > 1:
        # Else each process takes every core, and they all wait for each other.
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    command = run.command(list(trainer))
    with open(run.folder / LOG, "ab") as log:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[lock.fileno()],
                # Ctrl-C reaches us alone, and we pass it on once.
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"cannot start {command[0]}: {error.strerror}") from error
    return Active(run, process, time.monotonic())


def _close(one: Active) -> bool:
    """Note how a process ended; whether its run is done."""
    code = one.process.returncode
    if code == 0 and RunFolder(one.run.folder).summary.is_file():
        one.run.write_record(status="done", jobs=one.run.read_record().get("jobs", 1))
        return True
    how = f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
    one.run.write_record(status="failed", how=how, lines=last_lines(one.run.folder / LOG))
    return False


def _stop(active: list[Active]) -> None:
    """Have the runs under way save themselves and end."""
    for one in active:
        one.process.send_signal(signal.SIGINT)
    while active:
        time.sleep(_POLL)
        for one in [a for a in active if a.process.poll() is not None]:
            active.remove(one)
            # One that was just done is done; any other goes on from where it saved itself.
            if not RunFolder(one.run.folder).summary.is_file():
                one.run.write_record(status="interrupted")


def last_lines(path: Path) -> list[str]:
    """The end of what a run said."""
    with open(path, "rb") as log:
        log.seek(max(0, os.path.getsize(path) - _LAST_BYTES))
        text = log.read().decode("utf-8", "replace")
    # A progress bar rewrites its line; what it said last counts.
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return [line for line in lines if line][-_LAST_LINES:]
