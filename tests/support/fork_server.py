"""Starts ``jnrf`` commands as forks of a process that has loaded torch already.

What takes seconds at the start of each ``python -m jnrf`` is done once here, so that a test can
start, kill and start again dozens of times, and its kills hit the work rather than imports. Each
command is a process of its own, the leader of a group of its own, and ends as one would.

Standard input takes a request a line, JSON; each gets one line of answer:

- ``{"words": [...], "file_bytes": N or null, "root": bool}``: start ``jnrf WORDS``. ``file_bytes``
  is the longest file that it may write (the system says "File too large" beyond). Unless ``root``,
  permissions count even where the tests run as root. Answer: ``{"pid": PID}``.
- ``{"wait": PID}``: ``{"status": S, "out": TEXT, "err": TEXT}`` once it has ended; -9 is SIGKILL.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import sys
import traceback


def load() -> None:
    """All that the commands import, so that forks have it."""
    import pyarrow.parquet  # noqa: F401
    import torch._dynamo  # noqa: F401 (which optimizers import when they are made)

    import jnrf.cli
    import jnrf.prediction.on_ray
    import jnrf.prediction.progress
    import jnrf.prediction.run
    import jnrf.prediction.sources.json_lines
    import jnrf.report.page
    import jnrf.training.loop

    jnrf.cli.build_parser()


def check_single_thread() -> None:
    """A fork has the thread that forked alone: what others hold at that moment stays locked."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"{threads} threads run; a fork would not be sound")


#: Numbers of the capabilities that let root pass over permissions.
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


def obey_permissions() -> None:
    """Give up root's right to read and write what permissions forbid."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, for 32 capabilities each
    if libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    kept = ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH) & 0xFFFFFFFF
    for place in range(3):
        data[place] &= kept
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


#: Bytes that a command may say before it has to wait: more than any does.
_ROOM = 1 << 20


class Started:
    """A process, and the pipes that hold what it says."""

    def __init__(self, request: dict) -> None:
        check_single_thread()
        pipes = [os.pipe(), os.pipe()]
        for reader, _ in pipes:
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _ROOM)
        self.pid = os.fork()
        if self.pid == 0:
            _run(request, [writer for _, writer in pipes])
        os.setpgid(self.pid, self.pid)  # here too: whoever gets the id may kill the group at once
        self._said = [reader for reader, _ in pipes]
        for _, writer in pipes:
            os.close(writer)

    def wait(self) -> dict:
        """Wait for its end, but not for what processes that it left behind have yet to say."""
        _, status = os.waitpid(self.pid, 0)
        answer = {"status": os.waitstatus_to_exitcode(status)}
        for name, reader in zip(("out", "err"), self._said, strict=True):
            os.set_blocking(reader, False)
            try:
                answer[name] = os.read(reader, _ROOM).decode("utf-8", "replace")
            except BlockingIOError:
                answer[name] = ""
            os.close(reader)
        return answer


def _run(request: dict, outputs: list[int]) -> None:
    """Be the command, and end."""
    status = 1
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, pipe in enumerate(outputs, 1):
            os.dup2(pipe, number)
        if request["file_bytes"] is not None:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], most))
        if not request["root"]:
            obey_permissions()
        sys.argv = ["jnrf", *request["words"]]
        import jnrf.cli

        status = jnrf.cli.main(request["words"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)


def main() -> None:
    """Serve until standard input ends."""
    load()
    # Answers go where no command can write.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"ready": True}), file=answers)
    started: dict[int, Started] = {}
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "wait" in request:
            answer = started.pop(request["wait"]).wait()
        else:
            process = Started(request)
            started[process.pid] = process
            answer = {"pid": process.pid}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
