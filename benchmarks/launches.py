"""What the launchers ask for at the sizes of real work, noted without a GPU.

The stand-in of csrc/host_cuda is the launchers themselves, compiled for the host. Told to note
launches it runs none: sizes may be those of real work, and the grid, the threads and the shared
memory are those that a GPU of so many multiprocessors would be given. `by_work` has the operators
of the performance page; `benchmarks/kernel_resources.py` puts registers beside them.
"""

from __future__ import annotations

import bisect
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from kernel_names import shorten

ROOT = Path(__file__).resolve().parent.parent
HIDDEN, TAGS, CLASSES = 768, 19, 9
CUFFT = "cuFFT"  # a call, which launches two or three kernels of its own


@dataclass(frozen=True)
class Launch:
    """One launch: the kernel as the source calls it, and what it was asked to take."""

    kernel: str
    grid: tuple[int, int, int]
    threads: int
    shared: int  # bytes of dynamic shared memory a block

    @property
    def blocks(self) -> int:
        """Of the grid."""
        x, y, z = self.grid
        return x * y * z


def operators(library: Path | None = None):
    """The operators over the stand-in, ``torch.ops.jnrf_on_host``, compiled if need be."""
    sys.path.append(str(ROOT / "tests" / "support"))
    import cuda_backends

    if library is None:
        library = cuda_backends.build(torch_root=Path(torch.__file__).parent)
    torch.ops.load_library(library / "_cuda_on_host.so")
    return torch.ops.jnrf_on_host, library / "_cuda_on_host.so"


@cache
def symbols(library: Path) -> tuple[list[int], list[str]]:
    """Places of the functions of a library, ascending, and their demangled names."""
    tool = shutil.which("nm")
    if tool is None:
        raise RuntimeError("nm (binutils) is needed to name the kernels of the stand-in")
    done = subprocess.run([tool, "-C", str(library)], capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        place, _, rest = line.partition(" ")
        kind, _, name = rest.partition(" ")
        if place and kind in "tTwW":
            found[int(place, 16)] = name
    places = sorted(found)
    return places, [found[place] for place in places]


def record(ops, library: Path, work: Callable[[], object], multiprocessors: int) -> list[Launch]:
    """The launches of ``work``, none of which runs: what it returns means nothing."""
    places, names = symbols(library)
    ops.record_launches(multiprocessors)
    try:
        work()
    finally:
        rows = ops.recorded_launches().tolist()
    launches = []
    for place, x, y, z, threads, shared in rows:
        name = CUFFT
        if place:
            index = bisect.bisect_left(places, place)
            if index == len(places) or places[index] != place:
                raise RuntimeError(f"no function of {library} is at {place:#x}")
            name = shorten(names[index])
        launches.append(Launch(name, (x, y, z), threads, shared))
    return launches


def by_work(ops) -> Iterator[tuple[str, Callable[[], object]]]:
    """The operators at the sizes that are to be fast, forward and backward."""

    def mixing(lengths: list[int], dtype: torch.dtype, window: int = 0) -> Callable[[], object]:
        def work():
            x = torch.empty(sum(lengths), HIDDEN, dtype=dtype)
            weight, bias = torch.empty(2, HIDDEN, dtype=dtype)
            bounds = torch.tensor([0, *lengths]).cumsum(0).int()
            y, *kept = ops.fourier_mix_norm(x, weight, bias, bounds, window=window)
            ops.fourier_mix_norm_backward(y, *kept, weight, bounds, window=window)

        return work

    def relations(dtype: torch.dtype, size: int) -> Callable[[], object]:
        def work():
            rows, bounds = 819, torch.tensor([0, 819], dtype=torch.int32)
            u, w = torch.empty(2, rows, CLASSES, size, dtype=dtype)
            places = torch.empty(rows, dtype=torch.int64)
            pairs = torch.empty(300, 3, dtype=torch.int64)
            polynomial = torch.empty(3, CLASSES)
            logits = torch.empty(4096, TAGS)
            roles = torch.empty(TAGS, dtype=torch.int32)
            ops.select_tokens(logits, roles, torch.tensor([0, 4096], dtype=torch.int32), rows)
            loss, *kept = ops.relation_loss(
                u, w, places, places, bounds, bounds, *polynomial, pairs, 0, None, True, 0
            )
            ops.relation_loss_backward(loss, *kept, bounds, bounds, dtype)

        return work

    def chain() -> None:
        emissions, matrix = torch.empty(4096, TAGS), torch.empty(TAGS, TAGS)
        ends, bounds = torch.empty(TAGS), torch.tensor([0, 4096], dtype=torch.int32)
        tags = torch.empty(4096, dtype=torch.int64)
        ops.crf_nll(emissions, tags, matrix, ends, ends, bounds, True)
        ops.crf_decode(emissions, matrix, ends, ends, bounds)

    short = torch.randint(50, 501, (64,), generator=torch.Generator().manual_seed(1)).tolist()
    for dtype in (torch.float32, torch.bfloat16):
        name = str(dtype).removeprefix("torch.")
        yield f"fourier_mix_norm, 64 x 50-500, {name}", mixing(short, dtype)
        yield f"fourier_mix_norm, 512, {name}", mixing([512], dtype)
        yield f"fourier_mix_norm, 4096, {name}", mixing([4096], dtype)
        yield f"fourier_mix_norm, 4096 in windows of 8, {name}", mixing([4096], dtype, 8)
        for size in (64, HIDDEN):
            yield f"select, relation_loss, D={size}, {name}", relations(dtype, size)
    yield "crf_nll, crf_decode, L=4096", chain
