"""What is read out of compute-sanitizer's output, and which tests run under it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import sanitize
from sanitize import FirstAndLast, Verdict, read_verdict

TESTS = "======== 14 passed, 2 skipped, 743 deselected in 75.31s (0:01:15) ========\n"
MEMCHECK = f"""\
========= COMPUTE-SANITIZER
tests/x.py::test_a PASSED
========= Invalid __global__ read of size 4 bytes
=========     at void jnrf::cuda::mix<float>(float *)+0x120
{TESTS}========= ERROR SUMMARY: 2 errors
"""


@pytest.mark.parametrize(
    ("tool", "output", "verdict", "clean"),
    [
        ("memcheck", MEMCHECK, Verdict("memcheck", 2, 14, 0), False),
        ("memcheck", TESTS + "========= ERROR SUMMARY: 0 errors\n", None, True),
        (
            "racecheck",
            TESTS + "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n",
            Verdict("racecheck", 0, 14, 0),
            True,
        ),
        (
            "racecheck",
            TESTS + "========= RACECHECK SUMMARY: 1 hazard displayed (0 errors, 1 warning)\n",
            Verdict("racecheck", 1, 14, 0),
            False,
        ),
        # The tool was stopped before its summary, or before the tests'.
        ("memcheck", TESTS, Verdict("memcheck", None, 14, 0), False),
        ("memcheck", "========= ERROR SUMMARY: 0 errors\n", None, False),
        # A failing test, an error in a fixture, nothing but skips: not clean either.
        (
            "memcheck",
            "== 1 failed, 3 passed, 2 errors in 1.00s ==\n========= ERROR SUMMARY: 0 errors\n",
            Verdict("memcheck", 0, 3, 3),
            False,
        ),
        (
            "memcheck",
            "== 16 skipped in 2.21s ==\n========= ERROR SUMMARY: 0 errors\n",
            Verdict("memcheck", 0, 0, 0),
            False,
        ),
    ],
)
def test_verdict(tool, output, verdict, clean):
    found = read_verdict(tool, output)
    assert found.clean == clean
    if verdict is not None:
        assert found == verdict


def test_first_and_last_case_of_every_test():
    names = ["f.py::a[1]", "f.py::a[2]", "f.py::a[3]", "f.py::b", "g.py::a[1]"]
    items = [SimpleNamespace(nodeid=name) for name in names]
    dropped = []
    hook = SimpleNamespace(pytest_deselected=lambda items: dropped.extend(items))
    FirstAndLast().pytest_collection_modifyitems(SimpleNamespace(hook=hook), items)
    assert [item.nodeid for item in items] == [names[0], names[2], names[3], names[4]]
    assert [item.nodeid for item in dropped] == [names[1]]


def test_every_cuda_operator_has_a_test_under_the_sanitizers():
    command = [sys.executable, sanitize.__file__, "--collect-only"]
    listed = subprocess.run(command, capture_output=True, text=True, cwd=sanitize.ROOT)
    assert listed.returncode == 0, listed.stdout
    sources = (sanitize.ROOT / "csrc").glob("*/cuda/op.cpp")
    families = {source.parents[1].name for source in sources}
    assert {"fourier_mix", "select"} <= families
    for family in families - {"positions"}:  # they are tested with the selection they serve
        assert f"test_{family}" in listed.stdout


def fake_sanitizer(folder: Path, script: str) -> str:
    tool = folder / "compute-sanitizer"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return str(tool)


def test_output_of_the_tool_is_read(tmp_path, capfd):
    tool = fake_sanitizer(
        tmp_path,
        'echo "called with $1 $2 $PYTORCH_NO_CUDA_MEMORY_CACHING"\n'
        'echo "== 2 passed in 1.00s =="; echo "========= ERROR SUMMARY: 0 errors"',
    )
    assert sanitize.sanitize(tool, "memcheck", 60).clean
    assert "called with --tool=memcheck --kernel-name=kns=jnrf 1" in capfd.readouterr().out


def test_a_tool_over_its_time_is_stopped_and_not_clean(tmp_path, monkeypatch):
    # Long enough for a shell to start on a busy machine.
    monkeypatch.setattr(sanitize, "_PATIENCE", 3.0)
    # Summaries of what ran by then, as pytest and the tool print them when interrupted.
    summaries = 'echo "== 2 passed in 1.00s =="; echo "========= ERROR SUMMARY: 0 errors"'
    script = f"stop() {{ {summaries}; exit; }}; trap stop INT; sleep 60 & wait"
    tool = fake_sanitizer(tmp_path, script)
    verdict = sanitize.sanitize(tool, "memcheck", 3)
    assert str(verdict) == "memcheck: stopped; 0 findings; 2 tests passed, 0 failed"
    assert not verdict.clean
    # One that does not listen.
    tool = fake_sanitizer(tmp_path, "trap '' INT; while true; do sleep 0.1; done")
    verdict = sanitize.sanitize(tool, "memcheck", 3)
    assert str(verdict) == "memcheck: not finished"
    assert not verdict.clean
