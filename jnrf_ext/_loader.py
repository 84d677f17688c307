"""Loads the compiled libraries and can say what was built, what is usable, and why not."""

from __future__ import annotations

import json
import re
import warnings
from functools import cache
from pathlib import Path

import torch

from jnrf_ext import gpu_code

_PACKAGE = Path(__file__).resolve().parent
_REMEDY = "build it with `pip install .` (or `make native` in a checkout)"


@cache
def build_info() -> dict:
    """What the build noted about itself (empty when the package was never built)."""
    path = _PACKAGE / "_build_info.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _load(name: str) -> str | None:
    """Load one library; None when it worked, else the reason why not."""
    path = _PACKAGE / f"{name}.so"
    if not path.exists():
        return f"{path.name} was not built; {_REMEDY}"
    try:
        torch.ops.load_library(path)
    except OSError as error:
        built = build_info()
        return (
            f"{path.name} was built against torch {built.get('torch', 'unknown')} with "
            f"{built.get('compiler', 'an unknown compiler')} and does not load under torch "
            f"{torch.__version__}: {error}"
        )
    return None


_cpu_error = _load("_C")
if _cpu_error:
    raise ImportError(f"jnrf_ext cannot be used: {_cpu_error}")


def cuda_library_exists() -> bool:
    """Whether the CUDA library was compiled into this installation."""
    return (_PACKAGE / "_C_cuda.so").exists()


def _load_cuda() -> str | None:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a CPU build; install a CUDA build of torch"
    if not cuda_library_exists():
        reason = build_info().get("no_cuda_because") or "no nvcc at build time, or JNRF_CUDA=off"
        return f"the CUDA library was not compiled: {reason}"
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return _load("_C_cuda")


#: Why the compiled CUDA kernels are not in use, or None where they are.
cuda_error: str | None = _load_cuda()


def cpu_isa() -> str:
    """Which set of compiled CPU kernels runs on this machine."""
    return ("baseline", "avx2", "avx512")[torch.ops.jnrf.cpu_isa()]


@cache
def compiled_devices(operator: str) -> frozenset[str]:
    """Device types that have a compiled kernel of an operator; "meta" needs none."""
    keys = {"cpu": "CPU", "cuda": "CUDA"}
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    found = (kind for kind, key in keys.items() if has_kernel(f"jnrf::{operator}", key))
    return frozenset({*found, "meta"})


def _ptx_runs() -> bool:
    """Whether the driver is as new as the compiler that made the library's PTX."""
    release = re.search(r"(\d+)\.(\d+)", build_info().get("nvcc") or "")
    driver_version = getattr(torch._C, "_cuda_getDriverVersion", None)
    if release is None or driver_version is None:
        return True
    return driver_version() >= 1000 * int(release[1]) + 10 * int(release[2])


@cache
def gpu_error(index: int) -> str | None:
    """Why the compiled CUDA kernels cannot run on one GPU, or None where they can.

    Asking makes a context on the device, so nobody asks before there is a tensor there.
    """
    if cuda_error is not None:
        return cuda_error
    architectures = build_info().get("cuda_architectures")
    if not architectures:  # a library without a note is taken at its word
        return None
    capability = torch.cuda.get_device_capability(index)
    if gpu_code.code_for(architectures, capability, _ptx_runs()):
        return None
    return gpu_code.missing_code(architectures, torch.cuda.get_device_name(index), capability)


# Pairs of operator and device that were found to have a kernel, so that asking costs nothing.
_found: set[tuple[str, torch.device]] = set()


@torch.compiler.assume_constant_result
def has_kernel(operator: str, device: torch.device) -> bool:
    """Whether a compiled kernel of an operator runs on a device; else its reference stands in."""
    if (operator, device) in _found:
        return True
    if device.type not in compiled_devices(operator):
        return False
    if device.type == "cuda" and gpu_error(_index(device)) is not None:
        return False
    _found.add((operator, device))
    return True


def _index(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index


@torch.compiler.assume_constant_result
def shared_memory(device: torch.device) -> int:
    """Bytes of shared memory that a block of threads may have on a GPU."""
    properties = torch.cuda.get_device_properties(device)
    return properties.shared_memory_per_block_optin  # type: ignore[attr-defined] # not in its stub


# What has been said already: an operator on a kind of device, or a GPU.
_warned: set[tuple[str, str]] = set()


def warn_reference(operator: str, device: torch.device, reason: str | None = None) -> None:
    """Say that plain torch stands in for missing kernels: once for each GPU, else each operator.

    ``reason`` says why where it is the operator's own; it is then said for each operator.
    """
    what, where = f"jnrf::{operator} runs as its plain-torch reference", device.type
    if device.type == "cuda" and reason is None:
        what = "All operators of jnrf_ext run as their plain-torch references, which are slow,"
        where = str(device) if cuda_error is None else "cuda"
        reason = gpu_error(_index(device))
    if (what, where) in _warned:
        return
    _warned.add((what, where))
    reason = reason or f"no kernel is compiled for device {where!r}"
    warnings.warn(f"{what} on {where}: {reason}", stacklevel=3)
