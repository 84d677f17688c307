"""Builds the C++ tests (CUDA kernels on the host included) and runs them, under sanitizers too."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cuda_backends import ROOT, build, run


@pytest.mark.parametrize(
    "sanitizers",
    [
        pytest.param("", id="plain"),
        pytest.param(
            "address,undefined", id="address and undefined behaviour", marks=pytest.mark.slow
        ),
        pytest.param("thread", id="thread", marks=pytest.mark.slow),
    ],
)
def test_cpp(sanitizers):
    """Every C++ test passes; a missing barrier in a kernel is a data race that `thread` finds."""
    folder = build(sanitizers)
    ctest = shutil.which("ctest")
    if not ctest:
        pytest.skip("ctest is needed")
    run([ctest, "--test-dir", str(folder), "--output-on-failure"])


@pytest.mark.slow
def test_cuda_operators_under_address_sanitizer():
    """The CUDA operators' own tests on the host, with every index of every kernel checked."""
    folder = build("address,undefined", Path(torch.__file__).parent)
    tests = sorted(str(path) for path in (ROOT / "tests/jnrf_ext/ops").glob("test_*_cuda.py"))
    printed = run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-m", "not cuda", *tests],
        LD_PRELOAD=" ".join(_runtime(name) for name in ("libasan.so", "libubsan.so")),
        ASAN_OPTIONS="detect_leaks=0",  # Python's own
        JNRF_ON_HOST=str(folder),
        PYTHONPATH=os.pathsep.join(sys.path),
    )
    assert re.search(r"\d+ passed", printed)


def _runtime(name: str) -> str:
    """Where the compiler keeps a sanitizer's library."""
    done = subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True)
    return done.stdout.strip()
