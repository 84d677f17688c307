"""The CUDA operators where tests can run them: on a GPU, and on the host.

On the host the very CUDA sources of csrc, compiled by the host compiler over a stand-in for CUDA's
execution model (csrc/host_cuda/execution.h), run on CPU tensors. Use it as::

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_something(backend):
        got = backend.every_order(lambda: backend.op("select_tokens")(*backend.move(inputs)))
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def build(sanitizers: str = "", torch_root: Path | None = None) -> Path:
    """Compile csrc/tests, with the operators for CPU tensors where torch is given; its folder."""
    cmake = shutil.which("cmake")
    if not cmake or not shutil.which("c++"):
        pytest.skip("cmake and a C++ compiler are needed")
    name = (sanitizers.replace(",", "-") or "plain") + ("-torch" if torch_root else "")
    folder = ROOT / "build" / "ctest" / name
    settings = [f"-DJNRF_SANITIZE={sanitizers}", f"-DJNRF_TORCH_ROOT={torch_root or ''}"]
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    target = ["--target", "_cuda_on_host"] if torch_root else []
    folder.mkdir(parents=True, exist_ok=True)
    # Tests may run in several processes.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run([cmake, "-S", str(ROOT / "csrc" / "tests"), "-B", str(folder), *generator, *settings])
        run([cmake, "--build", str(folder), *target])
    return folder


def run(command: list[str], **environment: str) -> str:
    """What a program printed; a failing one fails the test with all of it."""
    # numpy's and torch's thread settings are none of these programs' business; LD_PRELOAD breaks
    # AddressSanitizer, which must be first.
    inherited = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run(command, capture_output=True, text=True, env=inherited | environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Gpu:
    """The operators of the compiled CUDA library."""

    device = torch.device("cuda")

    def op(self, name: str) -> Callable:
        """A raw operator by name."""
        return getattr(torch.ops.jnrf, name)

    def move(self, values: Any) -> Any:
        """Tensors, also in lists and tuples, on the backend's device; all else as it is."""
        if isinstance(values, list | tuple):
            return [self.move(value) for value in values]
        return values.to(self.device) if isinstance(values, torch.Tensor) else values

    def every_order(self, work: Callable[[], Any]) -> Any:
        """The result of ``work``, which must be the same to the bit whatever runs first."""
        results = []
        for schedule in self._schedules():
            results.append(work())
            assert_same_bits(results[0], results[-1], f"schedule {schedule}")
        return results[0]

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Where kernels are chosen by the number of multiprocessors, choose as on a large GPU."""
        yield

    def _schedules(self):
        yield from range(3)
        torch.cuda.synchronize()


class Host(Gpu):
    """The same operators for CPU tensors, threads and blocks in any order."""

    device = torch.device("cpu")

    def op(self, name: str) -> Callable:
        """A raw operator by name."""
        load_host_operators()
        return getattr(torch.ops.jnrf_on_host, name)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The stand-in has two multiprocessors, and 132 meanwhile."""
        load_host_operators()
        torch.ops.jnrf_on_host.set_multiprocessors(132)
        try:
            yield
        finally:
            torch.ops.jnrf_on_host.set_multiprocessors(2)

    def _schedules(self):
        load_host_operators()
        fill = torch.utils.deterministic.fill_uninitialized_memory
        before = torch.are_deterministic_algorithms_enabled()
        try:
            # What torch allocates is then not a number until it is written.
            torch.use_deterministic_algorithms(True)
            torch.utils.deterministic.fill_uninitialized_memory = True
            for schedule in (0, 1, 2, 3):
                torch.ops.jnrf_on_host.set_schedule(schedule)
                yield schedule
        finally:
            torch.ops.jnrf_on_host.set_schedule(0)
            torch.use_deterministic_algorithms(before)
            torch.utils.deterministic.fill_uninitialized_memory = fill


@cache
def load_host_operators() -> None:
    """Compile and load ``torch.ops.jnrf_on_host``; JNRF_ON_HOST names a library made before."""
    made = os.environ.get("JNRF_ON_HOST")
    folder = Path(made) if made else build(torch_root=Path(torch.__file__).parent)
    torch.ops.load_library(folder / "_cuda_on_host.so")


def assert_same_bits(first: Any, other: Any, what: str) -> None:
    """Equal to the bit, in nested lists and tuples too."""
    if isinstance(first, list | tuple):
        for a, b in zip(first, other, strict=True):
            assert_same_bits(a, b, what)
    elif isinstance(first, torch.Tensor):
        a, b = (t.detach().cpu().contiguous().view(torch.uint8) for t in (first, other))
        assert torch.equal(a, b), f"{what} gives other bits than the first"
    else:
        assert first == other, what


#: The marker "cuda" skips where there is no GPU (tests/conftest.py).
BACKENDS = [
    pytest.param(Host(), id="host"),
    pytest.param(Gpu(), id="gpu", marks=pytest.mark.cuda),
]
