"""Build the wheel: find torch and nvcc, let CMake compile, note what was built.

All sources and flags are in CMakeLists.txt. Environment: JNRF_CUDA=auto|on|off,
TORCH_CUDA_ARCH_LIST (e.g. "8.0;9.0"), CUDA_HOME, MAX_JOBS; for CI, JNRF_STRICT=ON.
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
from setuptools.command.build import build  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402

from toolchain import cuda  # noqa: E402

VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "jnrf_ext/__init__.py").read_text())[1]
# What setuptools says of every installation in place; no news for who asked for one.
warnings.filterwarnings("ignore", message=r"\s*Editable installation")


def packages() -> "list[str]":
    """Every package of jnrf_ext/ and of python/, by its dotted name."""
    return sorted(
        ".".join(init.parent.relative_to(source).parts)
        for source, name in ((ROOT, "jnrf_ext"), (ROOT / "python", "jnrf"))
        for init in (source / name).rglob("__init__.py")
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

    def initialize_options(self) -> None:
        super().initialize_options()
        self.checked = False

    def check(self) -> None:
        """Find all that a build needs; a line says what is missing."""
        problem = needs.compiler_problem()
        if problem:
            sys.exit(problem)
        # A virtual environment that is not activated has its tools beside its Python only.
        tools = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        self.cmake, self.ninja = (shutil.which(name, path=tools) for name in ("cmake", "ninja"))
        if not self.cmake or not self.ninja:
            missing = "ninja" if self.cmake else "cmake"
            sys.exit(f"{missing} was not found; install it with: pip install {missing}")
        try:
            self.jobs = str(needs.compilers_at_once())
        except ValueError as problem:
            sys.exit(str(problem))
        self.nvcc, self.architectures, self.no_cuda_because = self.find_cuda()
        self.torch, self.pybind11 = needed("torch"), needed("pybind11")
        self.checked = True

    def run(self) -> None:
        if not self.checked:
            self.check()
        out = ROOT if self.inplace else Path(self.build_lib)
        package = (out / "jnrf_ext").resolve()
        folder = ROOT / "build" / f"cmake-{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        defines = {
            "CMAKE_BUILD_TYPE": "Release",
            "Python_EXECUTABLE": sys.executable,
            "JNRF_TORCH_ROOT": Path(self.torch.__file__).parent,
            "JNRF_OUTPUT_DIR": package,
            "JNRF_VERSION": VERSION,
            "pybind11_DIR": self.pybind11.get_cmake_dir(),
            "JNRF_WITH_CUDA": "ON" if self.nvcc else "OFF",
            "JNRF_BUILD_TESTS": os.environ.get("JNRF_BUILD_TESTS", "OFF"),
            "JNRF_STRICT": os.environ.get("JNRF_STRICT", "OFF"),
            "CMAKE_MAKE_PROGRAM": self.ninja,
        }
        if self.nvcc:
            defines["CMAKE_CUDA_COMPILER"] = self.nvcc.path
            defines["CMAKE_CUDA_ARCHITECTURES"] = ";".join(self.architectures)
            # The longest file alone would otherwise keep one core for as long as all take several.
            many = int(self.jobs) > 2 and len(self.architectures) > 1
            defines["JNRF_NVCC_THREADS"] = 2 if many else 1
        package.mkdir(parents=True, exist_ok=True)
        # A cache of another interpreter or torch (an isolated build's folder is gone by now)
        # would point at files that no longer exist.
        stamp = folder / "jnrf_configuration.json"
        configuration = json.dumps({k: str(v) for k, v in defines.items()})
        if not stamp.exists() or stamp.read_text() != configuration:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [f"-D{key}={value}" for key, value in defines.items()]
        self.call([self.cmake, "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *arguments])
        stamp.write_text(configuration)
        self.call([self.cmake, "--build", str(folder), "-j", self.jobs])
        self.write_build_info(package)

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

    def write_build_info(self, package: Path) -> None:
        """What ``jnrf info`` and a failed load tell: built with what, against what."""
        commit = None
        if shutil.which("git"):
            described = ["git", "-C", str(ROOT), "rev-parse", "--verify", "-q", "HEAD"]
            commit = subprocess.run(described, capture_output=True, text=True).stdout.strip()
        info = {
            "version": VERSION,
            "commit": commit or None,
            "python": sys.version.split()[0],
            "torch": self.torch.__version__,
            "torch_abi_target": "2.11",
            "compiler": (package / "_compiler.txt").read_text().strip(),
            "cpu": True,
            "cuda": bool(self.nvcc),
            "nvcc": f"release {'.'.join(map(str, self.nvcc.version))}" if self.nvcc else None,
            "cuda_architectures": self.architectures,
            "no_cuda_because": self.no_cuda_because,
        }
        (package / "_compiler.txt").unlink()
        (package / "_build_info.json").write_text(json.dumps(info, indent=2) + "\n")


class Build(build):
    """Checks first, then all that setuptools does before it comes to the libraries."""

    def run(self) -> None:
        self.get_finalized_command("build_ext").check()
        super().run()


setup(
    version=VERSION,
    license="MIT",
    packages=packages(),
    package_dir={"jnrf_ext": "jnrf_ext", "jnrf": "python/jnrf"},
    # Folders of data are no packages: only what is named here goes in.
    include_package_data=False,
    package_data={
        "jnrf_ext": ["*.so", "*.pyi", "py.typed", "_build_info.json"],
        "jnrf": [
            *("py.typed", "**/*.yaml", "**/*.json", "**/*.html", "**/*.css", "**/*.js", "**/*.txt"),
        ],
    },
    # A placeholder that makes the wheel platform specific and runs CMakeBuild.
    ext_modules=[Extension("jnrf_ext._text", [])],
    cmdclass={"build": Build, "build_ext": CMakeBuild},
    zip_safe=False,
)
