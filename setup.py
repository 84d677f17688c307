"""Build the wheel: find torch and nvcc, let CMake compile, note what was built.

All sources and flags are in CMakeLists.txt. Environment: JNRF_CUDA=auto|on|off,
TORCH_CUDA_ARCH_LIST (e.g. "8.0;9.0"), CUDA_HOME, MAX_JOBS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "jnrf_ext/__init__.py").read_text())[1]


def find_nvcc() -> str | None:
    """The CUDA compiler to use, or None; JNRF_CUDA=on without one is an error."""
    wanted = os.environ.get("JNRF_CUDA", "auto").lower()
    if wanted not in ("auto", "on", "off"):
        sys.exit(f"JNRF_CUDA={wanted!r} is not understood; use auto, on or off")
    if wanted == "off":
        return None
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    candidates = [shutil.which("nvcc", path=f"{home}/bin") if home else None, shutil.which("nvcc")]
    candidates.append(shutil.which("nvcc", path="/usr/local/cuda/bin"))
    nvcc = next((c for c in candidates if c), None)
    if wanted == "on" and nvcc is None:
        sys.exit(
            "JNRF_CUDA=on but no nvcc was found; install the CUDA toolkit, set CUDA_HOME, "
            "or use JNRF_CUDA=auto to build for the CPU alone"
        )
    return nvcc


def cuda_architectures() -> str:
    """TORCH_CUDA_ARCH_LIST ("8.0;9.0+PTX") in CMake's words ("80-real;90")."""
    words = os.environ.get("TORCH_CUDA_ARCH_LIST", "9.0").replace(",", ";").replace(" ", ";")
    names = []
    for word in filter(None, words.split(";")):
        number, _, ptx = word.partition("+")
        names.append(number.replace(".", "") + ("" if ptx.upper() == "PTX" else "-real"))
    return ";".join(names)


def research_packages() -> list[str]:
    """The packages below python/, by their dotted names."""
    source = ROOT / "python"
    return sorted(
        ".".join(init.parent.relative_to(source).parts) for init in source.rglob("__init__.py")
    )


class CMakeBuild(build_ext):
    """Configure and build with CMake and ninja, straight into the package's folder."""

    def run(self) -> None:
        import pybind11
        import torch

        out = ROOT if self.inplace else Path(self.build_lib)
        package = (out / "jnrf_ext").resolve()
        build = ROOT / "build" / f"cmake-{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        nvcc = find_nvcc()
        torch_root = Path(torch.__file__).parent
        defines = {
            "CMAKE_BUILD_TYPE": "Release",
            "Python_EXECUTABLE": sys.executable,
            "JNRF_TORCH_ROOT": torch_root,
            "JNRF_OUTPUT_DIR": package,
            "JNRF_VERSION": VERSION,
            "pybind11_DIR": pybind11.get_cmake_dir(),
            "JNRF_WITH_CUDA": "ON" if nvcc else "OFF",
            "JNRF_BUILD_TESTS": os.environ.get("JNRF_BUILD_TESTS", "OFF"),
        }
        if nvcc:
            defines["CMAKE_CUDA_COMPILER"] = nvcc
            defines["CMAKE_CUDA_ARCHITECTURES"] = cuda_architectures()
        # A virtual environment that is not activated has its tools beside its Python only.
        tools = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        cmake = shutil.which("cmake", path=tools)
        ninja = shutil.which("ninja", path=tools)
        if not cmake or not ninja:
            missing = "ninja" if cmake else "cmake"
            sys.exit(f"{missing} was not found; install it with: pip install {missing}")
        defines["CMAKE_MAKE_PROGRAM"] = ninja
        package.mkdir(parents=True, exist_ok=True)
        # A cache of another interpreter or torch (an isolated build's folder is gone by now)
        # would point at files that no longer exist.
        stamp = build / "jnrf_configuration.json"
        configuration = json.dumps({k: str(v) for k, v in defines.items()})
        if not stamp.exists() or stamp.read_text() != configuration:
            shutil.rmtree(build, ignore_errors=True)
        build.mkdir(parents=True, exist_ok=True)
        arguments = [f"-D{key}={value}" for key, value in defines.items()]
        subprocess.run(
            [cmake, "-S", str(ROOT), "-B", str(build), "-G", "Ninja", *arguments], check=True
        )
        stamp.write_text(configuration)
        jobs = ["-j", os.environ["MAX_JOBS"]] if os.environ.get("MAX_JOBS") else []
        subprocess.run([cmake, "--build", str(build), *jobs], check=True)
        self.write_build_info(package, torch, nvcc)

    def write_build_info(self, package: Path, torch, nvcc: str | None) -> None:
        """What ``jnrf info`` and a failed load tell: built with what, against what."""
        commit = None
        if shutil.which("git"):
            described = ["git", "-C", str(ROOT), "rev-parse", "--verify", "-q", "HEAD"]
            commit = subprocess.run(described, capture_output=True, text=True).stdout.strip()
        nvcc_version = None
        if nvcc:
            printed = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
            nvcc_version = next(
                (part.strip() for part in printed.split(",") if part.strip().startswith("release")),
                "unknown",
            )
        info = {
            "version": VERSION,
            "commit": commit or None,
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "torch_abi_target": "2.11",
            "compiler": (package / "_compiler.txt").read_text().strip(),
            "cpu": True,
            "cuda": bool(nvcc),
            "nvcc": nvcc_version,
            "cuda_architectures": cuda_architectures().split(";") if nvcc else [],
        }
        (package / "_compiler.txt").unlink()
        (package / "_build_info.json").write_text(json.dumps(info, indent=2) + "\n")


setup(
    version=VERSION,
    license="MIT",
    packages=["jnrf_ext", "jnrf_ext.ops", *research_packages()],
    package_dir={"jnrf_ext": "jnrf_ext", "jnrf": "python/jnrf"},
    package_data={
        "jnrf_ext": ["*.so", "_build_info.json"],
        "jnrf": ["**/*.yaml", "**/*.json", "**/*.html", "**/*.css", "**/*.js", "**/*.txt"],
    },
    # A placeholder that makes the wheel platform specific and runs CMakeBuild.
    ext_modules=[Extension("jnrf_ext._text", [])],
    cmdclass={"build_ext": CMakeBuild},
    zip_safe=False,
)
