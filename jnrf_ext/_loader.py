"""Loads the compiled libraries and can say what was built, what is usable, and why not."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path

import torch

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
        return "the CUDA library was not compiled: no nvcc at build time, or JNRF_CUDA=off"
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return _load("_C_cuda")


#: Why the compiled CUDA kernels are not in use, or None where they are.
cuda_error: str | None = _load_cuda()


def cpu_isa() -> str:
    """Which set of compiled CPU kernels runs on this machine."""
    return ("baseline", "avx2", "avx512")[torch.ops.jnrf.cpu_isa()]


def compiled_devices(operator: str) -> frozenset[str]:
    """Device types that have a compiled kernel of an operator; "meta" needs none."""
    keys = {"cpu": "CPU", "cuda": "CUDA"}
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    found = (kind for kind, key in keys.items() if has_kernel(f"jnrf::{operator}", key))
    return frozenset({*found, "meta"})


@cache
def warn_reference(operator: str, device: str) -> None:
    """Say once an operator and device type that plain torch stands in for a missing kernel."""
    reason = cuda_error if device == "cuda" else f"no kernel is compiled for device {device!r}"
    warnings.warn(
        f"jnrf::{operator} runs as its plain-torch reference on {device}: "
        f"{reason or 'no compiled kernel'}",
        stacklevel=3,
    )
