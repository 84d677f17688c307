"""What is missing on a machine is told in one line, which says what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import program

from toolchain import needs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 11, 7), (3, 14, 1), (4, 0, 0)])
def test_pythons_that_will_do(version):
    assert needs.python_problem(version) is None


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 6, 15), (2, 7, 18)])
def test_a_python_that_is_too_old_names_one_that_is_here(version):
    line = needs.python_problem(version, runs=lambda name: name in ("python3.10", "python3.13"))
    assert line.startswith(f"Python {'.'.join(map(str, version))} at {sys.executable} is too old")
    assert "needs 3.10 or newer" in line
    assert "make BASE_PYTHON=python3.13, or python3.13 -m pip install ." in line
    assert "\n" not in line


def test_without_a_newer_python_one_is_to_be_installed():
    assert "apt install python3" in needs.python_problem((3, 9, 1), runs=lambda name: False)


def test_a_shim_that_starts_no_python_is_not_advised(tmp_path, monkeypatch):
    program(tmp_path, "python3.12", "exit 127")
    program(tmp_path, "python3.11", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=None)
    assert "BASE_PYTHON=python3.11," in needs.python_problem((3, 9, 1))


def old_pythons() -> list[Path]:
    found = Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python")
    return sorted(found) or [pytest.param(None, marks=pytest.mark.skip("no Python before 3.10"))]


@pytest.mark.parametrize("python", old_pythons(), ids=lambda p: p and p.parent.parent.name)
@pytest.mark.parametrize(
    "command", [["-m", "toolchain.needs"], ["setup.py", "build_ext"], ["-m", "toolchain.backend"]]
)
def test_an_old_python_says_so_itself(python, command):
    done = subprocess.run([python, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "is too old, jnrf_ext needs 3.10 or newer" in line


def test_a_python_without_ensurepip_names_its_package(monkeypatch):
    assert needs.venv_problem() is None
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    major, minor = sys.version_info[:2]
    line = needs.venv_problem()
    assert "has no module ensurepip" in line
    assert f"apt install python{major}.{minor}-venv" in line


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_the_compiler_that_is_here_will_do():
    assert needs.compiler_problem() is None


@pytest.mark.parametrize(
    ("environ", "message"),
    [({}, "there is no C++ compiler"), ({"CXX": "g++-99"}, "CXX=g++-99 is no program")],
)
def test_no_compiler(tmp_path, environ, message):
    line = needs.compiler_problem({"PATH": str(tmp_path), **environ})
    assert line.startswith(f"{message}: install GCC 11 or newer (Debian, Ubuntu: apt install g++;")
    assert "\n" not in line


def test_a_compiler_that_is_too_old_is_told_in_its_own_words(tmp_path):
    printed = 'echo probe; echo "<stdin>:3: fatal error: span: No such file" >&2; exit 1'
    old = program(tmp_path, "c++", printed)
    line = needs.compiler_problem({"PATH": str(tmp_path)})
    assert line.startswith(
        f"the C++ compiler {old} cannot compile C++20 (<stdin>:3: fatal error: span: No such file)"
    )
    assert "CXX=g++-12" in line


def test_a_compiler_that_does_not_start(tmp_path):
    broken = tmp_path / "g++"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    line = needs.compiler_problem({"PATH": str(tmp_path)})
    assert line.startswith(f"the C++ compiler {broken} does not start")


def test_the_named_compiler_is_asked_with_its_words(tmp_path):
    program(tmp_path, "c++", "exit 1")
    program(tmp_path, "mine", '[ "$1" = -stdlib=libc++ ] && exit 0; exit 1')
    given = {"PATH": str(tmp_path), "CXX": "mine -stdlib=libc++"}
    assert needs.compiler_problem(given) is None


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(needs.glob, "glob", lambda pattern: [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("script", "visible"),
    [
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", True),
        ("exit 0", False),
        ("echo 'NVIDIA-SMI has failed'; exit 9", False),
    ],
)
def test_a_gpu_is_visible_where_nvidia_smi_lists_one(
    tmp_path, monkeypatch, no_device, script, visible
):
    program(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert needs.gpu_is_visible() is visible
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert needs.gpu_is_visible() is False


def test_a_device_is_enough_where_a_container_has_no_nvidia_smi(tmp_path, monkeypatch, no_device):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert needs.gpu_is_visible() is False
    monkeypatch.setattr(needs.glob, "glob", lambda pattern: ["/dev/nvidia0"])
    assert needs.gpu_is_visible() is True
