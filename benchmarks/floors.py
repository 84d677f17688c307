"""The least time that a piece of work can take on the machine it is measured on.

A benchmark says what the work must do whatever the implementation, as `Least`: each input read
once and each output written once, in bytes, and the additions and multiplications. What the
machine can do at most, `Ceilings`, is measured at the start of a session: a large copy, and large
matrix products of random numbers (of zeros they run faster). Bytes over bandwidth and operations
over rate are two times; the larger one is the floor.
"""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from clocks import clock_of

# TF32 products that together are one of float32's accuracy: high x high and both cross products.
TF32_PRODUCTS = 3
# Seconds of a matrix product from which a larger one would tell no more of its rate.
LONG_ENOUGH = 0.05


@dataclass(frozen=True)
class Least:
    """What a piece of work must do at least.

    ``operations`` counts additions and multiplications by what they are: those of matrix products
    in "bfloat16", or to the accuracy of "float32" or "float64", and "plain" ones in float32, which
    no matrix unit takes (FFTs, normalisation).
    """

    moved: float  # bytes read or written
    operations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Floor:
    """The two times that the work takes at least, in milliseconds."""

    bytes_ms: float
    operations_ms: float

    @property
    def ms(self) -> float:
        """The larger of both."""
        return max(self.bytes_ms, self.operations_ms)


@dataclass(frozen=True)
class Ceilings:
    """What a machine does at most, as measured.

    ``copy`` in bytes a second, those read and those written both counted; ``rates`` in operations
    a second of matrix products: bfloat16, float32, float64, and tf32 on a GPU.
    """

    copy: float
    rates: Mapping[str, float]
    date: str

    def rate(self, kind: str) -> float:
        """Operations a second, of the kinds of `Least`."""
        if kind == "plain":  # a float32 product runs on the ordinary units
            return self.rates["float32"]
        if kind == "float32":
            return max(self.rates["float32"], self.rates.get("tf32", 0.0) / TF32_PRODUCTS)
        return self.rates[kind]

    def floor(self, least: Least) -> Floor:
        """Kinds of operations that different units do still wait for one another here."""
        seconds = sum(count / self.rate(kind) for kind, count in least.operations.items())
        return Floor(1e3 * least.moved / self.copy, 1e3 * seconds)

    def __str__(self) -> str:
        rates = ", ".join(f"{kind} {rate / 1e12:.3g}" for kind, rate in self.rates.items())
        return f"copy {self.copy / 1e9:.4g} GB/s; matrix products, Tflop/s: {rates}"


def measure(device: torch.device) -> Ceilings:
    """Copy bandwidth and matrix rates of the device; well under a second on a GPU."""
    kinds = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
    rates = {kind: _product_rate(device, dtype) for kind, dtype in kinds.items()}
    if device.type == "cuda":
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            rates["tf32"] = _product_rate(device, torch.float32)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
    date = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return Ceilings(_copy_rate(device), rates, date)


def _copy_rate(device: torch.device) -> float:
    size = 2**30 if device.type == "cuda" else 2**28  # well beyond any cache
    source = torch.randint(256, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / _usual_seconds(device, lambda: target.copy_(source))


def _product_rate(device: torch.device, dtype: torch.dtype) -> float:
    for side in (8192,) if device.type == "cuda" else (512, 1024, 2048):
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        seconds = _usual_seconds(device, lambda a=a, b=b, out=out: torch.matmul(a, b, out=out))
        rate = 2 * side**3 / seconds
        if seconds > LONG_ENOUGH:  # one of 2048 takes a minute on a CPU without bfloat16
            break
    return rate


def _usual_seconds(device: torch.device, work: Callable[[], object]) -> float:
    """The median of several calls, warmed up."""
    clock = clock_of(device)
    for _ in range(2):
        clock.timed(work)
    return statistics.median(clock.timed(work)[0] for _ in range(7))
