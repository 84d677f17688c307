"""Fourier mixing by length, both ways, with its accuracy: `python benchmarks/fourier_sweep.py`.

For lengths from 64 to 60,000, powers of two and others with small factors beside primes, one
document and batches: the time of forward and backward as a CUDA graph by the product on tensor
cores and by cuFFT, and the distance of the mixed tokens from float64. From these follows the length
up to which the product is to be used (`jnrf_ext.ops.fourier_product_limit`), which is printed with
the time that it costs against the better way at each length. Writes fourier_sweep.json and .txt.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from bench_fourier_mix import HIDDEN, Step
from clocks import clock_of, in_graph
from comparison import device_name, write_report

from jnrf_ext import ops

ROOT = Path(__file__).resolve().parent.parent
#: With small factors, and the prime nearest to each.
LENGTHS = [64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 15_000, 30_000]
LENGTHS += [60_000, 67, 127, 257, 383, 509, 769, 1021, 1531, 2053, 3079, 4093, 6143, 8191]
LENGTHS += [14_983, 29_989, 59_999]
MOST_PRODUCT = 8192  # the longest that the product takes
MOST_TOKENS = 65_536  # of a batch


@dataclass(frozen=True)
class Row:
    """Milliseconds and relative L2 distances from float64 by way; None where a way does not go."""

    length: int
    documents: int
    product_ms: float | None
    cufft_ms: float
    product_error: float | None
    cufft_error: float

    def ms(self, limit: int) -> float:
        """With the product for documents up to ``limit``."""
        by_product = self.product_ms is not None and self.length <= limit
        return self.product_ms if by_product else self.cufft_ms

    @property
    def best(self) -> float:
        """The better of both."""
        return min(self.ms(0), self.ms(self.length))


def best_limit(rows: Sequence[Row]) -> tuple[int, float]:
    """The limit under which all rows together lose least against the better way, and that loss.

    A row's loss is its time over that of the better way, so that long documents do not outweigh
    short ones; the mean over the rows is 1 where the rule never errs. Of equal ones the least.
    """
    limits = [0, *sorted({row.length for row in rows if row.product_ms is not None})]

    def loss(limit: int) -> float:
        return statistics.fmean(row.ms(limit) / row.best for row in rows)

    chosen = min(limits, key=loss)
    return chosen, loss(chosen)


def measure(length: int, documents: int, device: torch.device, repeats: int) -> Row:
    """One row; on a CPU, which has one way, both columns are the same."""
    lengths = [length] * documents
    step = Step(device, lengths)
    clock = clock_of(device)

    def way(limit: int) -> tuple[float, float]:
        before = ops.fourier_product_limit(limit) if device.type == "cuda" else 0
        try:
            work: Callable = lambda: step(ops.fourier_mix_norm)  # noqa: E731
            found = error(step, length)
            if device.type == "cuda":
                work = in_graph(work)
            clock.timed(work)
            times = [clock.timed(work)[0] for _ in range(repeats)]
        finally:
            if device.type == "cuda":
                ops.fourier_product_limit(before)
        return 1e3 * statistics.median(times), found

    cufft_ms, cufft_error = way(0)
    product_ms = product_error = None
    if length <= MOST_PRODUCT:
        product_ms, product_error = way(length)
    return Row(length, documents, product_ms, cufft_ms, product_error, cufft_error)


def error(step: Step, length: int) -> float:
    """Relative L2 distance of the first document's mixed tokens from float64."""
    x = step.inputs[0].detach()[:length]
    bounds = torch.tensor([0, length], dtype=torch.int32)
    mixed = ops.fourier_mix(x, bounds).double()
    exact = torch.fft.fft2(x.double()).real
    return float((mixed - exact).norm() / exact.norm())


def report(rows: Sequence[Row]) -> str:
    """A line a row, then the rule."""
    lines = ["length  documents  product ms  cuFFT ms  ratio  product error  cuFFT error"]
    for row in rows:
        product = ratio = wrong = "-"
        if row.product_ms is not None:
            product, wrong = f"{row.product_ms:.4f}", f"{row.product_error:.1e}"
            ratio = f"{row.cufft_ms / row.product_ms:.2f}"
        lines.append(
            f"{row.length:6}  {row.documents:9}  {product:>10}  {row.cufft_ms:8.4f}  {ratio:>5}  "
            f"{wrong:>13}  {row.cufft_error:11.1e}"
        )
    limit, loss = best_limit(rows)
    lines.append(
        f"rule: the product up to {limit} tokens; over these rows {100 * (loss - 1):.1f}% slower "
        "than the better way of each"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "sweep")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--documents", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=100.0, help="then it writes what it has")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("the sweep needs a GPU; --device cpu only tries the script", file=sys.stderr)
        return 2
    # Lengths near 1000, where the ways cross, first: what is late may find no time left.
    order = sorted(options.lengths, key=lambda n: abs(torch.tensor(n / 1000).log().item()))
    rows, end = [], time.monotonic() + options.seconds
    for length in order:
        for documents in options.documents:
            if documents > 1 and length * documents > MOST_TOKENS:
                continue
            if time.monotonic() < end:
                rows.append(measure(length, documents, device, options.repeats))
    rows.sort(key=lambda row: (row.documents, row.length))
    text = f"{device_name(device)}, H={HIDDEN}, forward+backward\n{report(rows)}\n"
    if device.type != "cuda":
        text += "a CPU has one way: both columns are it, and there is no rule to follow\n"
    print(text, end="")
    limit, loss = best_limit(rows)
    contents = {"limit": limit, "loss": loss, "rows": [asdict(row) for row in rows]}
    write_report(options.out, "fourier_sweep", text, contents, device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
