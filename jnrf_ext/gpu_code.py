"""For which GPUs a CUDA library has code, told from the architectures that it was compiled for.

Machine code for an architecture runs on GPUs of the same major and no lower minor version; PTX is
compiled by the driver, for any GPU that is no older, if the driver is no older than the compiler
that made it (CUDA C++ programming guide, "Compute Capabilities" and "Application Compatibility").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The first compute capability with the matrix instructions that the kernels use.
OLDEST = (8, 0)


def _read(architecture: str) -> tuple[tuple[int, int], str, bool, bool]:
    """CMake's "90", "90-real", "90a-virtual": capability, suffix, machine code?, PTX?"""
    match = re.fullmatch(r"(\d+)(\d)([af]?)(?:-(real|virtual))?", architecture)
    if match is None:
        raise ValueError(f"{architecture!r} is no architecture as CMake writes them")
    major, minor, suffix, only = match.groups()
    return (int(major), int(minor)), suffix, only != "virtual", only != "real"


def code_for(
    architectures: Iterable[str], capability: tuple[int, int], ptx_runs: bool = True
) -> str | None:
    """What of a library a GPU runs.

    Args:
        architectures: what the library was compiled for, in CMake's words: "80-real" is machine
            code, "90-virtual" PTX, "90" both; a suffix "a" is for that architecture alone, "f" for
            its major version.
        capability: the compute capability of the GPU, (8, 6) for 8.6.
        ptx_runs: whether the driver is as new as the compiler of the PTX.

    Returns:
        "8.0", the machine code that it runs; "PTX 9.0", what the driver compiles for it; None
        where there is neither.
    """
    found = []
    for architecture in architectures:
        built, suffix, machine_code, ptx = _read(architecture)
        same_major = built[0] == capability[0] and built[1] <= capability[1]
        runs = built == capability if suffix == "a" else same_major
        if machine_code and runs:
            found.append((True, built, suffix))
        if ptx and ptx_runs and (runs if suffix else built <= capability):
            found.append((False, built, suffix))
    if not found:
        return None
    machine_code, (major, minor), suffix = max(found)
    return f"{'' if machine_code else 'PTX '}{major}.{minor}{suffix}"


def spoken(architectures: Iterable[str]) -> str:
    """CMake's words as people say them: "8.0, 9.0, PTX 9.0"."""
    both = [_read(architecture) for architecture in architectures]
    names = [f"{major}.{minor}{suffix}" for (major, minor), suffix, code, _ in both if code]
    names += [f"PTX {major}.{minor}{suffix}" for (major, minor), suffix, _, ptx in both if ptx]
    return ", ".join(names)


def missing_code(architectures: Iterable[str], name: str, capability: tuple[int, int]) -> str:
    """Say in one line why a GPU has no code in this library, and what to do.

    Args:
        architectures: as for `code_for`.
        name: the GPU's name, such as "NVIDIA A10".
        capability: its compute capability.
    """
    number = "{}.{}".format(*capability)
    if capability < OLDEST:
        return (
            f"{name} has compute capability {number}, and the CUDA kernels need "
            f"{'{}.{}'.format(*OLDEST)} or newer"
        )
    return (
        f"{name} has compute capability {number}, for which this installation has no code (it has "
        f'{spoken(architectures)}): build it again with TORCH_CUDA_ARCH_LIST="{number}" '
        "pip install . (or make native in a checkout)"
    )
