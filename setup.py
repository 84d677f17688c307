"""Build the wheel: find torch and nvcc, let CMake compile, note what was built.

All sources and flags are in CMakeLists.txt. Environment: JNRF_CUDA=auto|on|off,
TORCH_CUDA_ARCH_LIST (e.g. "8.0;9.0"), CUDA_HOME, MAX_JOBS.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from toolchain import needs  # noqa: E402

PROBLEM = needs.python_problem()
if PROBLEM:
    sys.exit(PROBLEM)

from setuptools import Extension, setup  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402

from toolchain import cuda  # noqa: E402

VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "jnrf_ext/__init__.py").read_text())[1]
# What setuptools says of every installation in place; no news for who asked for one.
warnings.filterwarnings("ignore", message=r"\s*Editable installation")


def research_packages() -> "list[str]":
    """The packages below python/, by their dotted names."""
    source = ROOT / "python"
    return sorted(
        ".".join(init.parent.relative_to(source).parts) for init in source.rglob("__init__.py")
    )


def needed(package: str):
    """The module of a package that the build needs; a line that says how to get it if not."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        sys.exit(
            f"the build needs {package}, which does not load ({error}): run `pip install torch "
            "pybind11 ninja cmake`, or `pip install .` without --no-build-isolation"
        )


class CMakeBuild(build_ext):
    """Configure and build with CMake and ninja, straight into the package's folder."""

    def run(self) -> None:
        problem = needs.compiler_problem()
        if problem:
            sys.exit(problem)
        torch, pybind11 = needed("torch"), needed("pybind11")
        out = ROOT if self.inplace else Path(self.build_lib)
        package = (out / "jnrf_ext").resolve()
        build = ROOT / "build" / f"cmake-{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        nvcc, architectures, reason = self.find_cuda()
        jobs = os.environ.get("MAX_JOBS") or os.cpu_count() or 1
        if not str(jobs).isdigit() or int(jobs) < 1:
            sys.exit(f"MAX_JOBS={jobs!r} is no number of compilers to run at once")
        defines = {
            "CMAKE_BUILD_TYPE": "Release",
            "Python_EXECUTABLE": sys.executable,
            "JNRF_TORCH_ROOT": Path(torch.__file__).parent,
            "JNRF_OUTPUT_DIR": package,
            "JNRF_VERSION": VERSION,
            "pybind11_DIR": pybind11.get_cmake_dir(),
            "JNRF_WITH_CUDA": "ON" if nvcc else "OFF",
            "JNRF_BUILD_TESTS": os.environ.get("JNRF_BUILD_TESTS", "OFF"),
        }
        if nvcc:
            defines["CMAKE_CUDA_COMPILER"] = nvcc.path
            defines["CMAKE_CUDA_ARCHITECTURES"] = ";".join(architectures)
            # The longest file alone would otherwise keep one core for as long as all take several.
            defines["JNRF_NVCC_THREADS"] = 2 if int(jobs) > 2 and len(architectures) > 1 else 1
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
        self.call([cmake, "-S", str(ROOT), "-B", str(build), "-G", "Ninja", *arguments])
        stamp.write_text(configuration)
        self.call([cmake, "--build", str(build), "-j", str(jobs)])
        self.write_build_info(package, torch, nvcc, architectures, reason)

    def find_cuda(self) -> tuple:
        """The CUDA compiler and its architectures in CMake's words, or None, none and why."""
        try:
            nvcc, reason = cuda.find_nvcc()
            if nvcc is None:
                cuda.note(f"compiling for the CPU alone: {reason}")
                return None, [], reason
            wanted = os.environ.get("TORCH_CUDA_ARCH_LIST")
            architectures, notes = cuda.architectures(wanted, nvcc, cuda.visible_capabilities())
        except cuda.Problem as problem:
            sys.exit(str(problem))
        for line in notes:
            cuda.note(line)
        return nvcc, architectures, None

    def call(self, command: "list[str]") -> None:
        """Run a step of the build; what it printed stands above the line of the failure."""
        status = subprocess.run(command).returncode
        if status != 0:
            sys.exit(
                f"the build failed (status {status} of `{' '.join(command[:3])} ...`): the first "
                "error above says why"
            )

    def write_build_info(self, package: Path, torch, nvcc, architectures, reason) -> None:
        """What ``jnrf info`` and a failed load tell: built with what, against what."""
        commit = None
        if shutil.which("git"):
            described = ["git", "-C", str(ROOT), "rev-parse", "--verify", "-q", "HEAD"]
            commit = subprocess.run(described, capture_output=True, text=True).stdout.strip()
        info = {
            "version": VERSION,
            "commit": commit or None,
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "torch_abi_target": "2.11",
            "compiler": (package / "_compiler.txt").read_text().strip(),
            "cpu": True,
            "cuda": bool(nvcc),
            "nvcc": f"release {'.'.join(map(str, nvcc.version))}" if nvcc else None,
            "cuda_architectures": architectures,
            "no_cuda_because": reason,
        }
        (package / "_compiler.txt").unlink()
        (package / "_build_info.json").write_text(json.dumps(info, indent=2) + "\n")


setup(
    version=VERSION,
    license="MIT",
    packages=["jnrf_ext", "jnrf_ext.ops", *research_packages()],
    package_dir={"jnrf_ext": "jnrf_ext", "jnrf": "python/jnrf"},
    # Folders of data are no packages: only what is named here goes in.
    include_package_data=False,
    package_data={
        "jnrf_ext": ["*.so", "_build_info.json"],
        "jnrf": ["**/*.yaml", "**/*.json", "**/*.html", "**/*.css", "**/*.js", "**/*.txt"],
    },
    # A placeholder that makes the wheel platform specific and runs CMakeBuild.
    ext_modules=[Extension("jnrf_ext._text", [])],
    cmdclass={"build_ext": CMakeBuild},
    zip_safe=False,
)
