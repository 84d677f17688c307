"""Remedies for the build, as far as it can be asked without compiling."""

from __future__ import annotations

import re
import shlex
import sys

import texts
from place import Place, remedy
from programs import program

sys.path.append(str(texts.ROOT))  # what builds the package is not installed with it

from jnrf_ext import gpu_code
from toolchain import cuda, needs

NVCC = cuda.Nvcc("nvcc", (12, 4), (75, 80, 86, 87, 89, 90))
#: An nvcc that says so, and compiles nothing.
SCRIPT = """
case "$1" in
  --version) echo "release 12.4, V12.4.131" ;;
  --list-gpu-arch) printf 'compute_80\\ncompute_90\\n' ;;
esac
"""


def problem(place: Place, call, *arguments) -> str:
    """What a step of the build ends with."""
    try:
        call(*arguments)
    except cuda.Problem as told:
        place.told.append(str(told))
        return str(told)
    raise AssertionError(f"{call.__name__}{arguments} raises no Problem")


def environment(place: Place, **variables: str) -> dict[str, str]:
    """Variables of a machine that has no nvcc but those of the place."""
    which = cuda.shutil.which
    place.patch.setattr(
        cuda.shutil,
        "which",
        lambda name, path=None: None if path == "/usr/local/cuda/bin" else which(name, path=path),
    )
    return {"PATH": str(place.path / "bin"), **variables}


@remedy(
    "JNRF_CUDA={} is not understood; use auto, on or off",
    "or use JNRF_CUDA=auto to build for the CPU alone",
    "install the CUDA toolkit, or set CUDA_HOME to where it is",
)
def without_nvcc_the_cpu_is_built_for_or_cuda_home_is_set(place: Place) -> None:
    problem(place, cuda.find_nvcc, environment(place, JNRF_CUDA="yes"))
    problem(place, cuda.find_nvcc, environment(place, JNRF_CUDA="on"))
    for word in ("auto", "off"):
        nvcc, why = cuda.find_nvcc(environment(place, JNRF_CUDA=word))
        assert nvcc is None
        assert why
    path = program(place.path / "toolkit/bin", "nvcc", SCRIPT)
    home = environment(place, JNRF_CUDA="on", CUDA_HOME=str(place.path / "toolkit"))
    assert cuda.find_nvcc(home)[0].path == str(path)


@remedy(
    "install a CUDA toolkit of {} or newer, or set CUDA_HOME",
    "repair the CUDA toolkit, or set CUDA_HOME to one that works",
)
def another_toolkit_is_named_by_cuda_home(place: Place) -> None:
    path = program(place.path / "toolkit/bin", "nvcc", SCRIPT)
    for script in (SCRIPT.replace("12.4", "11.5"), "exit 1"):
        program(place.path / "bin", "nvcc", script)
        problem(place, cuda.find_nvcc, environment(place, JNRF_CUDA="on"))
        home = environment(place, JNRF_CUDA="on", CUDA_HOME=str(place.path / "toolkit"))
        assert cuda.find_nvcc(home)[0].path == str(path)


@remedy(
    "names no GPU that the CUDA kernels run on",
    "TORCH_CUDA_ARCH_LIST=native, but nvidia-smi shows no GPU here",
    "of TORCH_CUDA_ARCH_LIST is left out: the CUDA kernels need",
    "{} does not know {} of TORCH_CUDA_ARCH_LIST, only {}: install a newer CUDA toolkit",
    "of TORCH_CUDA_ARCH_LIST is not understood: use compute capabilities",
)
def gpus_are_named_as_told(place: Place) -> None:
    # As unset, which every message leaves as a way.
    assert cuda.architectures(None, NVCC, [])[0]
    problem(place, cuda.architectures, "7.5", NVCC, [])
    problem(place, cuda.architectures, "native", NVCC, [])
    found, notes = cuda.architectures("7.5;8.0", NVCC, [])
    place.told += notes
    assert found == ["80-real"]
    said = problem(place, cuda.architectures, "12.0", NVCC, [])
    advised = re.search(r'TORCH_CUDA_ARCH_LIST="(.*?)"', said)[1]
    assert gpu_code.code_for(cuda.architectures(advised, NVCC, [])[0], (12, 0))
    said = problem(place, cuda.architectures, "sm_90", NVCC, [])
    (capabilities,) = re.findall(r"\((\S+)\)", said)
    names = re.split(r", | or ", said.partition("), ")[2])
    assert {"native", "all", "all-major"} < set(names)
    known = cuda.Nvcc("nvcc", (13, 0), (*NVCC.known, 100, 103, 110, 120, 121))
    for name in (capabilities, *names):
        assert cuda.architectures(f"{name};9.0", known, [(8, 9)])[0]


@remedy(
    "for which this installation has no code (it has {}): build it again with TORCH_CUDA_ARCH_LIST="
)
def code_for_a_gpu_is_built_when_it_is_named(place: Place) -> None:
    said = gpu_code.missing_code(["90-real"], "NVIDIA A10", (8, 6))
    place.told.append(said)
    named = shlex.split(said.partition("again with ")[2])[0].partition("=")
    assert named[0] == "TORCH_CUDA_ARCH_LIST"
    assert gpu_code.code_for(["90-real"], (8, 6)) is None
    assert gpu_code.code_for(cuda.architectures(named[2], NVCC, [])[0], (8, 6))


@remedy("use the {} that is here: make BASE_PYTHON={}, or {} -m pip install .")
def a_newer_python_is_named(place: Place) -> None:
    newer = program(place.path / "bin", "python3.12", f'exec {shlex.quote(sys.executable)} "$@"')
    place.patch.setenv("PATH", str(newer.parent), prepend=":")
    said = needs.python_problem((3, 9, 1))
    place.told.append(said)
    named = re.search(r"BASE_PYTHON=(\S+),", said)[1]
    assert needs._runs(named)
    assert needs.python_problem() is None
