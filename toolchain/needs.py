"""Checks, before anything is fetched or compiled, that this machine can build jnrf_ext.

`make`, setup.py and the build backend ask it. Annotations are quoted, so that Python 3.6 reads this
file too: a Python that is too old is then told in one line.
"""

import glob
import os
import platform
import shutil
import subprocess
import sys

OLDEST_PYTHON = (3, 10)

# Of C++20 and of the processor's instructions, what the sources need.
_PROBE = """
#include <bit>
#include <numbers>
#include <span>
static_assert(std::has_single_bit(4u) && std::numbers::pi > 3);
"""
_X86_FLAGS = ["-mavxvnni", "-mamx-tile", "-mamx-int8"]
# Both streams as one; spelt so that Python 3.6 knows it.
_CAPTURED = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


def _runs(python: str) -> bool:
    """Whether a command starts a Python; a shim of a version manager may not."""
    try:
        return subprocess.run([python, "-c", ""], **_CAPTURED).returncode == 0
    except OSError:
        return False


def python_problem(version: "tuple | None" = None, runs=_runs) -> "str | None":
    """Say in one line why this Python is too old, and what to do; None where it is not."""
    version = tuple(version or sys.version_info[:3])
    if version >= OLDEST_PYTHON:
        return None
    newer = next(filter(runs, (f"python3.{minor}" for minor in (12, 11, 13, 10, 14))), None)
    remedy = (
        f"use the {newer} that is here: make BASE_PYTHON={newer}, or {newer} -m pip install ."
        if newer
        else "install a newer one (Debian, Ubuntu: apt install python3 python3-venv; else "
        "https://www.python.org/downloads)"
    )
    return (
        f"Python {'.'.join(map(str, version))} at {sys.executable} is too old, jnrf_ext needs "
        f"{'.'.join(map(str, OLDEST_PYTHON))} or newer: {remedy}"
    )


def venv_problem() -> "str | None":
    """Say in one line why this Python makes no virtual environments, and what to do; or None."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        major, minor = sys.version_info[:2]
        return (
            f"{sys.executable} makes no virtual environments (it has no module {error.name}): "
            f"install them (Debian, Ubuntu: apt install python{major}.{minor}-venv), or name "
            "another Python: make BASE_PYTHON=/path/to/python3"
        )
    return None


def compiler_problem(environ: "dict | None" = None) -> "str | None":
    """Say in one line why no C++ compiler can be used, and what to do; None where one can."""
    environ = dict(os.environ if environ is None else environ)
    named = environ.get("CXX", "").split()
    tried = named[:1] or ["c++", "g++", "clang++"]  # in CMake's order
    found = next(filter(None, (shutil.which(t, path=environ.get("PATH")) for t in tried)), None)
    advice = (
        "install GCC 11 or newer (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++), "
        "or name a compiler: CXX=g++-12"
    )
    if found is None:
        what = f"CXX={named[0]} is no program" if named else "there is no C++ compiler"
        return f"{what}: {advice}"
    flags = _X86_FLAGS if platform.machine() == "x86_64" else []
    command = [found, *named[1:], "-std=c++20", *flags, "-fsyntax-only", "-x", "c++", "-"]
    try:
        done = subprocess.run(command, input=_PROBE.encode(), env=environ, **_CAPTURED)
    except OSError as error:
        return f"the C++ compiler {found} does not start ({error.strerror}): {advice}"
    if done.returncode == 0:
        return None
    return f"the C++ compiler {found} cannot compile C++20 ({first_error(done.stdout)}): {advice}"


def first_error(printed: bytes) -> str:
    """The line of what a compiler printed that names the error."""
    lines = [line.strip() for line in printed.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line] or ["it printed nothing"]
    return next((line for line in lines if "error" in line.lower()), lines[-1])


def compilers_at_once(environ: "dict | None" = None) -> int:
    """How many compilers run side by side: MAX_JOBS, or as many as the machine has cores.

    Raises:
        ValueError: MAX_JOBS is no such number.
    """
    jobs = (os.environ if environ is None else environ).get("MAX_JOBS", "").strip()
    if not jobs:
        return os.cpu_count() or 1
    if not jobs.isdecimal() or int(jobs) < 1:
        raise ValueError(
            f"MAX_JOBS={jobs!r} is no number of compilers to run at once; give 1 or more, or "
            "leave it unset"
        )
    return int(jobs)


def nvidia_smi(*arguments: str) -> "list[str]":
    """The lines that nvidia-smi prints; none where it is missing, fails or does not answer."""
    tool = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path="/usr/lib/wsl/lib")
    if tool is None:
        return []
    try:
        done = subprocess.run([tool, *arguments], timeout=30, **_CAPTURED)
    except (OSError, subprocess.TimeoutExpired):
        return []
    printed = done.stdout.decode(errors="replace") if done.returncode == 0 else ""
    return [line.strip() for line in printed.splitlines() if line.strip()]


def gpus_are_hidden() -> bool:
    """Whether CUDA_VISIBLE_DEVICES hides all GPUs."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")


def gpu_is_visible() -> bool:
    """Whether this machine shows an NVIDIA GPU to its programs."""
    if gpus_are_hidden():
        return False
    return bool(glob.glob("/dev/nvidia[0-9]*") or nvidia_smi("--list-gpus"))


def main() -> "str | None":
    """Check all that `make` needs; the first problem is the exit's message."""
    return python_problem() or venv_problem() or compiler_problem()


if __name__ == "__main__":
    sys.exit(main())
