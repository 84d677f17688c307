"""Installs torch into `make`'s virtual environment: the CPU build where there is no GPU.

What pip takes from PyPI by itself on Linux is built for CUDA and brings gigabytes of libraries that
are of no use without a GPU. `make TORCH=torch==2.14.1` has pip install just that instead.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
import urllib.request
from collections.abc import Sequence

from toolchain import cuda, needs

#: The version that jnrf_ext is developed and tested with, and the one whose CPU build is tested.
TESTED, TESTED_CPU = "2.14.1", "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Megabytes to fetch, and on disk: torch with all that it needs, and the other packages of `make`.
_CPU_MB, _CUDA_MB, _OTHER_MB = (210, 850), (3000, 5400), (330, 1150)
# Seconds that a core compiles for the CPU, and for a kind of GPU (GCC 12, nvcc 13.0).
_CPU_SECONDS, _CUDA_SECONDS = 150, 80


def attempts(cuda_build: bool, reachable: bool) -> list[list[str]]:
    """pip's arguments for torch, the best first; the next where pip cannot find one.

    Args:
        cuda_build: take PyPI's build, which on Linux is the one for CUDA.
        reachable: PyTorch's own index of CPU builds answers from here.
    """
    plain = [f"torch=={TESTED}"]
    if cuda_build:
        return [plain]
    index = ["--extra-index-url", CPU_INDEX] if reachable else []
    # A CPU build may also lie where pip's own settings point.
    return [*([*index, f"torch=={version}+cpu"] for version in (TESTED, TESTED_CPU)), plain]


def answers(url: str, seconds: float = 10) -> bool:
    """Whether a page can be fetched from here, by the proxies of the environment."""
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except (OSError, ValueError):
        return False


def plan(torch_mb: tuple[int, int], count: int, cores: int) -> str:
    """Megabytes and minutes, before they pass.

    Args:
        torch_mb: megabytes of torch and what it needs: to fetch, on disk.
        count: of GPU architectures to compile for; 0 where only the CPU's kernels are compiled.
        cores: that compile at once.
    """
    fetched, kept = ((a + b) / 1000 for a, b in zip(torch_mb, _OTHER_MB, strict=True))
    minutes = math.ceil((_CPU_SECONDS + _CUDA_SECONDS * count) / cores / 60)
    plural = "s" if count > 1 else ""
    what = f"the CPU's kernels{f' and those for {count} kind{plural} of GPU' if count else ''}"
    return (
        f"This fetches about {fetched:.1f} GB ({kept:.1f} GB on disk) and compiles {what}, about "
        f"{minutes} min on {cores} core{'s' if cores > 1 else ''}."
    )


def kinds_of_gpu() -> int:
    """How many architectures a build here compiles for.

    Raises:
        cuda.Problem: as the build itself will say it.
    """
    nvcc, _ = cuda.find_nvcc()
    if nvcc is None:
        return 0
    wanted, visible = os.environ.get("TORCH_CUDA_ARCH_LIST"), cuda.visible_capabilities()
    return len(cuda.architectures(wanted, nvcc, visible)[0])


def install(wanted: str, tried: Sequence[list[str]]) -> int:
    """Have pip install torch where this runs; its exit status.

    Args:
        wanted: the requirement for pip, or nothing to go through ``tried``.
        tried: as `attempts` gives them.
    """
    pip = [sys.executable, "-m", "pip", "install", "-q"]
    if wanted:
        return subprocess.run([*pip, wanted]).returncode
    for arguments in tried[:-1]:
        if subprocess.run([*pip, *arguments], capture_output=True).returncode == 0:
            return 0
    if len(tried) > 1:
        print(
            f"There is no CPU build of torch at {CPU_INDEX}, nor where pip looks: fetching the one "
            f"for CUDA, {_CUDA_MB[0] / 1000:.1f} GB, {_CUDA_MB[1] / 1000:.1f} GB on disk",
            flush=True,
        )
    return subprocess.run([*pip, *tried[-1]]).returncode


def main(arguments: Sequence[str] | None = None) -> int | str:
    """Install torch, or with ``--plan`` say what all of `make` will take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("torch", nargs="?", default="", help="what pip gets; default: chosen")
    parser.add_argument("--plan", action="store_true", help="only say what `make` will take")
    options = parser.parse_args(arguments)
    light = not options.torch and platform.system() == "Linux" and not needs.gpu_is_visible()
    if options.plan:
        try:
            cores = needs.compilers_at_once()
            print(plan(_CPU_MB if light else _CUDA_MB, kinds_of_gpu(), cores), flush=True)
        except (cuda.Problem, ValueError) as problem:
            return str(problem)
        return 0
    return install(options.torch, attempts(not light, light and answers(CPU_INDEX)))


if __name__ == "__main__":
    sys.exit(main())
