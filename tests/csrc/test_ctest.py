"""Builds the C++ tests (CUDA kernels on the host included) and runs them, under sanitizers too."""

from __future__ import annotations

import shutil

import pytest
from cuda_backends import build, run


@pytest.mark.parametrize(
    "sanitizers",
    ["", "address,undefined", "thread"],
    ids=["plain", "address and undefined behaviour", "thread"],
)
def test_cpp(sanitizers):
    """Every C++ test passes; a missing barrier in a kernel is a data race that `thread` finds."""
    folder = build(sanitizers)
    ctest = shutil.which("ctest")
    if not ctest:
        pytest.skip("ctest is needed")
    run([ctest, "--test-dir", str(folder), "--output-on-failure"])
