"""The CUDA tests under NVIDIA's compute-sanitizer: `make sanitize`, on a machine with a GPU.

memcheck finds accesses out of bounds, racecheck races in shared memory. Both make kernels many
times slower, so of every test function only the first and the last case run, and only our own
kernels are checked. Tensors get memory of their own each (no caching allocator), so that an access
beyond one is seen. A tool that was stopped, or did not come to its summary, counts as failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("memcheck", "racecheck")
SKIPPED = "not graph and not compile"  # graphs need the caching allocator; a compiler is not ours
_STATUS_OF_FINDINGS = 99
_PATIENCE = 5.0  # seconds from the first to the second way of stopping


@dataclass(frozen=True)
class Verdict:
    """What one tool said; None where it did not come to say it."""

    tool: str
    findings: int | None
    passed: int | None  # tests
    failed: int | None
    stopped: bool = False  # for its time was over

    @property
    def clean(self) -> bool:
        """Tests ran to their end, all passed, and the tool had nothing to report."""
        done = not self.stopped and bool(self.passed)
        return done and self.findings == 0 and self.failed == 0

    def __str__(self) -> str:
        if self.findings is None or self.passed is None:
            return f"{self.tool}: not finished"
        state = " stopped;" if self.stopped else ""
        tests = f"{self.passed} tests passed, {self.failed} failed"
        return f"{self.tool}:{state} {self.findings} findings; {tests}"


_ERRORS = re.compile(r"^=+ ERROR SUMMARY: (\d+) error", re.MULTILINE)
_RACES = re.compile(r"^=+ RACECHECK SUMMARY: (\d+) hazards? displayed", re.MULTILINE)
_TESTS = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.MULTILINE)


def read_verdict(tool: str, output: str) -> Verdict:
    """From what the tool and the tests below it printed."""
    counts = (_RACES if tool == "racecheck" else _ERRORS).findall(output)
    passed = failed = None
    if tests := _TESTS.findall(output):
        by_kind = {kind: int(count) for count, kind in re.findall(r"(\d+) (\w+)", tests[-1])}
        passed = by_kind.get("passed", 0)
        failed = by_kind.get("failed", 0) + by_kind.get("errors", 0) + by_kind.get("error", 0)
    return Verdict(tool, int(counts[-1]) if counts else None, passed, failed)


class FirstAndLast:
    """A pytest plugin that keeps the first and the last case of every test function."""

    @pytest.hookimpl(trylast=True)  # when -m and -k have chosen
    def pytest_collection_modifyitems(self, config, items):
        functions: dict[str, list] = {}
        for item in items:
            functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
        ends = (cases if len(cases) < 2 else [cases[0], cases[-1]] for cases in functions.values())
        kept = [item for both in ends for item in both]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def run_tests(*more: str) -> int:
    """Runs the chosen tests in this process; pytest's exit status."""
    chosen = ["-m", "cuda and not slow", "-k", SKIPPED, "-p", "no:cacheprovider", "-v"]
    folder = str(ROOT / "tests" / "jnrf_ext")
    return pytest.main([folder, *chosen, *more], plugins=[FirstAndLast()])


def command(sanitizer: str, tool: str) -> list[str]:
    """compute-sanitizer around `run_tests`."""
    return [
        sanitizer,
        f"--tool={tool}",
        "--kernel-name=kns=jnrf",  # ours are in the namespace jnrf, of which mangled names tell
        "--target-processes=application-only",
        "--report-api-errors=no",  # torch asks for things that a device may not have
        f"--error-exitcode={_STATUS_OF_FINDINGS}",
        "--print-limit=20",
        sys.executable,
        str(Path(__file__).resolve()),
        "--tests",
    ]


def find_sanitizer() -> str | None:
    """compute-sanitizer, which need not be on the PATH where the toolkit is."""
    home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    beside = os.pathsep.join([os.environ.get("PATH", ""), f"{home}/bin"])
    return shutil.which("compute-sanitizer", path=beside)


def sanitize(sanitizer: str, tool: str, seconds: float) -> Verdict:
    """Run one tool, print what it prints, and read its verdict.

    After so many seconds the tests are interrupted as by Ctrl-C, and killed a little later.
    """
    environment = os.environ | {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command(sanitizer, tool),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stopped = threading.Event()

    def stop(how: signal.Signals) -> None:
        stopped.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)

    limits = [
        threading.Timer(seconds, stop, [signal.SIGINT]),
        threading.Timer(seconds + _PATIENCE, stop, [signal.SIGKILL]),
    ]
    for limit in limits:
        limit.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            print(line, end="", flush=True)
        process.wait()
    except BaseException:  # Ctrl-C reaches this process alone
        stop(signal.SIGKILL)
        raise
    finally:
        for limit in limits:
            limit.cancel()
    return replace(read_verdict(tool, "".join(lines)), stopped=stopped.is_set())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", choices=TOOLS, nargs="+", default=TOOLS)
    parser.add_argument("--seconds", type=float, default=600, help="for each tool")
    parser.add_argument("--tests", action="store_true", help="run the tests, with no tool around")
    parser.add_argument("--collect-only", action="store_true", help="only list these tests")
    options = parser.parse_args(arguments)
    if options.collect_only:
        return run_tests("--collect-only", "-q")
    if options.tests:
        return run_tests()
    sanitizer = find_sanitizer()
    if sanitizer is None:
        print("compute-sanitizer was not found; it comes with the CUDA toolkit", file=sys.stderr)
        return 2
    verdicts = [sanitize(sanitizer, tool, options.seconds) for tool in options.tool]
    print(*verdicts, sep="\n")
    return 0 if all(verdict.clean for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
