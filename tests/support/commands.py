"""``jnrf`` commands that can be started in milliseconds, killed, and looked at."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tiny_corpus import TINY

from jnrf_ext.files import UNFINISHED

#: As words of the command line
TINY_WORDS = tuple(word for key, value in TINY.items() for word in (f"--{key}", str(value)))


#: A process of a test that has not ended by then never will.
_PATIENCE = 120.0


@dataclass
class Ended:
    """What a command has said, and its exit status; negative is the signal that ended it."""

    status: int
    out: str
    err: str

    def complaint(self) -> str:
        """The one line of an error. Fails unless it is one line, and the exit status 2."""
        assert self.status == 2, (self.status, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("jnrf "), self.err
        assert ": error: " in lines[0], self.err
        assert "[Errno" not in lines[0], self.err
        return lines[0].partition(": error: ")[2]


class Command:
    """A ``jnrf`` command under way."""

    def __init__(self, server: Server, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._ended: Ended | None = None

    def running(self) -> bool:
        """Whether it has not ended."""
        if self._ended is not None:
            return False
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state not in "ZX"

    def signal(self, number: int) -> None:
        """Send a signal to all of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self) -> Ended:
        """Wait for its end."""
        if self._ended is None:
            self._ended = Ended(**self._server.ask({"wait": self.pid}))
        return self._ended

    def kill(self) -> Ended:
        """End it as ``kill -9`` does, and all processes that it started."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def when(self, ready: Callable[[], bool]) -> bool:
        """Wait until ``ready``; False where the command ended before."""
        end = time.monotonic() + _PATIENCE
        while not ready():
            if not self.running():
                return ready()
            assert time.monotonic() < end, "the command hangs"
            time.sleep(0.0005)
        return True

    def stop(self) -> bool:
        """Let it stand still, all threads of it; False where it has ended before.

        The system stops threads one after another, and some write until it is their turn.
        """
        self.signal(signal.SIGSTOP)

        def states() -> set[str]:
            found = set()
            for path in Path(f"/proc/{self.pid}/task").glob("*/stat"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    found.add(path.read_text().rpartition(")")[2].split()[0])
            return found

        end = time.monotonic() + _PATIENCE
        while self.running() and states() != {"T"}:
            assert time.monotonic() < end, "the command does not stop"
            time.sleep(0.0005)
        return self.running()

    @contextlib.contextmanager
    def paused(self):
        """While entered, it stands still."""
        self.stop()
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


class Server:
    """Starts commands quickly: see ``fork_server.py``."""

    def __init__(self) -> None:
        self._started: list[Command] = []
        script = Path(__file__).with_name("fork_server.py")
        # A process of one thread alone can be forked soundly.
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        single["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | single | {"TOKENIZERS_PARALLELISM": "false", "COLUMNS": "200"},
        )
        self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        assert line, "the fork server has ended; what it said is above"
        return json.loads(line)

    def ask(self, request: dict) -> dict:
        """Its answer to a request."""
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def start(self, *words, file_bytes: int | None = None, root: bool = True) -> Command:
        """Start ``jnrf WORDS``; see ``fork_server.py`` for what else."""
        words = [str(word) for word in words]
        request = {"words": words, "file_bytes": file_bytes, "root": root}
        self._started.append(Command(self, self.ask(request)["pid"]))
        return self._started[-1]

    def run(self, *words, **options) -> Ended:
        """Start it, and wait for its end."""
        return self.start(*words, **options).wait()

    def tidy(self) -> None:
        """End what a test that failed has left."""
        for command in self._started:
            if command.running():
                command.kill()
        self._started.clear()

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()


def contents(folder: Path, hidden: bool = True) -> dict[str, bytes]:
    """All files below a folder by their names, but for those of a run that is under way.

    These are its lock, and the hashes of its parts. Unless ``hidden``, no hidden files.
    """
    return {
        name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and path.suffix != ".written"
        for name in [path.relative_to(folder).as_posix()]
        if hidden or not any(part.startswith(".") for part in name.split("/"))
    }


def unfinished(folder: Path) -> list[str]:
    """The files below a folder that were being written."""
    return [str(path.relative_to(folder)) for path in folder.rglob(UNFINISHED)]
