"""setup.py stops with one line, before anything is compiled, where a build cannot work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[2]
WORKS = """
case "$1" in
  --version) echo "Cuda compilation tools, release 12.4, V12.4.131" ;;
  --list-gpu-arch) printf 'compute_80\\ncompute_90\\n' ;;
esac
"""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("c++", "cmake", "ninja"))), reason="needs what a build needs"
)


@pytest.mark.parametrize(
    ("nvcc", "environ", "line"),
    [
        (WORKS, {"CXX": "nosuch"}, "CXX=nosuch is no program: install GCC 11 or newer"),
        (WORKS, {"MAX_JOBS": "many"}, "MAX_JOBS='many' is no number of compilers"),
        (WORKS, {"JNRF_CUDA": "yes"}, "JNRF_CUDA='yes' is not understood; use auto, on or off"),
        ("exit 1", {"JNRF_CUDA": "on"}, "JNRF_CUDA=on, but the nvcc at "),
        (WORKS, {"TORCH_CUDA_ARCH_LIST": "7.5"}, "TORCH_CUDA_ARCH_LIST='7.5' names no GPU that"),
        (WORKS, {"TORCH_CUDA_ARCH_LIST": "12.0"}, "nvcc 12.4 ("),
        (WORKS, {"TORCH_CUDA_ARCH_LIST": "fast"}, "'fast' of TORCH_CUDA_ARCH_LIST is not"),
    ],
)
@pytest.mark.parametrize("command", ["build_ext", "build"])
def test_what_cannot_work_is_told_first(tmp_path, command, nvcc, environ, line):
    home = program(tmp_path / "cuda/bin", "nvcc", nvcc).parents[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JNRF", "TORCH", "CUDA"))}
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", command, "--build-temp", str(tmp_path / "temp")]
        + (["--build-base", str(tmp_path / "base")] if command == "build" else ["--inplace"]),
        cwd=ROOT,
        env=kept | {"CUDA_HOME": str(home)} | environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (told,) = [text for text in done.stderr.splitlines() if "left out" not in text]
    assert told.startswith(line)
    assert not list(tmp_path.glob("base/**/*.py"))
