"""Builds the C++ tests (CUDA kernels on the host included) and runs them, under sanitizers too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(command: list[str]) -> None:
    # numpy's and torch's thread settings are none of these programs' business; LD_PRELOAD breaks
    # AddressSanitizer, which must be first.
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "sanitizers",
    ["", "address,undefined", "thread"],
    ids=["plain", "address and undefined behaviour", "thread"],
)
def test_cpp(sanitizers):
    """Every C++ test passes; a missing barrier in a kernel is a data race that `thread` finds."""
    cmake, ctest = shutil.which("cmake"), shutil.which("ctest")
    if not cmake or not ctest or not shutil.which("c++"):
        pytest.skip("cmake, ctest and a C++ compiler are needed")
    build = ROOT / "build" / "ctest" / (sanitizers.replace(",", "-") or "plain")
    source = ROOT / "csrc" / "tests"
    _run([cmake, "-S", str(source), "-B", str(build), f"-DJNRF_SANITIZE={sanitizers}"])
    _run([cmake, "--build", str(build)])
    _run([ctest, "--test-dir", str(build), "--output-on-failure"])
