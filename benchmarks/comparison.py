"""Measures ours against a peer in one run, and keeps what was measured.

A benchmark is a test in `benchmarks/bench_*.py` that uses the fixture `compare`::

    def test_fourier_mix_norm(compare, device):
        compare(
            "fourier_mix_norm forward+backward",   # the work, as the table calls it
            "N=4096 H=768",                        # its size
            ours=lambda: step(ours_function),      # no arguments; returns what is to agree
            peer=lambda: step(eager_function),
            target=2.0,                            # ratio peer / ours to reach, or None
        )

`compare` first calls both and checks that their results agree: nested tuples, lists and dicts of
tensors and numbers, by relative L2 distance within `tolerance` (`agree=` takes a function of
both results instead, for what needs its own check). Then it times them interleaved, one call of the
peer before every call of ours, under pytest-benchmark (which shows ours; the peer's times are in
its extra_info). `memory=True` also measures the peak memory that one call of each adds:
`memory_target` is the ratio peer / ours to reach. Nothing is asserted about time or memory.

At the end of the session every row is printed in one table and merged into
`benchmarks/results/<device>.json` (another folder with `--results`), each row with the commit,
versions, threads and date that it was measured at. `--device cpu|cuda` picks the device.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import json
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """One measured comparison; times in milliseconds, peak memory in MiB."""

    work: str
    size: str
    peer: str
    ours_ms: float
    ours_spread_ms: tuple[float, float]  # first and third quartile
    peer_ms: float
    peer_spread_ms: tuple[float, float]
    ratio: float
    target: float | None
    rounds: int
    ours_peak_mib: float | None
    peer_peak_mib: float | None
    memory_target: float | None
    threads: int
    commit: str
    versions: dict[str, str]
    date: str

    @property
    def memory_ratio(self) -> float | None:
        """Peak memory of the peer over ours."""
        if self.ours_peak_mib is None or self.peer_peak_mib is None:
            return None
        return self.peer_peak_mib / max(self.ours_peak_mib, 1e-3)


class Comparison:
    """What the fixture `compare` is: callable, and gives its rows to the session's list."""

    def __init__(self, benchmark, device: torch.device, rows: list[Row]):
        self.benchmark, self.device, self.rows = benchmark, device, rows

    def __call__(
        self,
        work: str,
        size: str,
        ours: Callable[[], Any],
        peer: Callable[[], Any],
        *,
        target: float | None = None,
        peer_name: str = "eager",
        tolerance: float = 1e-5,
        agree: Callable[[Any, Any], None] | None = None,
        seconds: float = 3.0,
        memory: bool = False,
        memory_target: float | None = None,
    ) -> Row:
        """Check, measure, note; see the module's text. ``seconds`` is the time to spend."""
        ours_seconds, ours_result = self._timed(ours)
        peer_seconds, peer_result = self._timed(peer)
        (agree or (lambda a, b: assert_agree(a, b, tolerance)))(ours_result, peer_result)
        del ours_result, peer_result
        ours_seconds = min(ours_seconds, self._timed(ours)[0])  # the first call may also build
        peer_seconds = min(peer_seconds, self._timed(peer)[0])
        rounds = int(min(100, max(5, seconds / (ours_seconds + peer_seconds))))
        peer_times: list[float] = []
        self.benchmark.extra_info.update(work=work, size=size, peer=peer_name)
        self.benchmark.extra_info["peer_seconds"] = peer_times
        self.benchmark.pedantic(
            lambda: self._finish(ours()),
            setup=lambda: peer_times.append(self._timed(peer)[0]),
            rounds=rounds,
            warmup_rounds=1,
        )
        ours_ms = [1e3 * t for t in self.benchmark.stats.stats.data]
        peer_ms = [1e3 * t for t in peer_times[1:]]  # the first one was the warm-up's
        row = Row(
            work=work,
            size=size,
            peer=peer_name,
            ours_ms=statistics.median(ours_ms),
            ours_spread_ms=_quartiles(ours_ms),
            peer_ms=statistics.median(peer_ms),
            peer_spread_ms=_quartiles(peer_ms),
            ratio=statistics.median(peer_ms) / statistics.median(ours_ms),
            target=target,
            rounds=rounds,
            ours_peak_mib=self._peak_mib(ours) if memory else None,
            peer_peak_mib=self._peak_mib(peer) if memory else None,
            memory_target=memory_target,
            threads=torch.get_num_threads(),
            commit=_commit(),
            versions=_versions(),
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        self.rows.append(row)
        return row

    def _finish(self, result: Any) -> Any:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return result

    def _timed(self, work: Callable[[], Any]) -> tuple[float, Any]:
        start = time.perf_counter()
        result = self._finish(work())
        return time.perf_counter() - start, result

    def _peak_mib(self, work: Callable[[], Any]) -> float | None:
        """The most memory that one call held beyond what was there before it."""
        gc.collect()
        if self.device.type == "cuda":
            before = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self._finish(work())
            return (torch.cuda.max_memory_allocated(self.device) - before) / MIB
        try:
            ctypes.CDLL(None).malloc_trim(0)  # else freed memory hides what the call takes
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
            before = _resident("VmRSS")
            work()
            return max(0.0, _resident("VmHWM") - before) / MIB
        except (OSError, AttributeError):
            return None  # not Linux with glibc


def assert_agree(ours: Any, peer: Any, tolerance: float) -> None:
    """Fail unless both have the same structure and every tensor agrees within ``tolerance``."""
    if isinstance(ours, Mapping):
        assert ours.keys() == peer.keys()
        for key in ours:
            assert_agree(ours[key], peer[key], tolerance)
    elif isinstance(ours, Sequence) and not isinstance(ours, str):
        assert len(ours) == len(peer)
        for left, right in zip(ours, peer, strict=True):
            assert_agree(left, right, tolerance)
    elif isinstance(ours, torch.Tensor | np.ndarray | float | int):
        a, b = (torch.as_tensor(value).detach().double().cpu() for value in (ours, peer))
        assert a.shape == b.shape, f"shapes {list(a.shape)} and {list(b.shape)} differ"
        distance = (a - b).norm() / b.norm().clamp_min(1e-300)
        assert distance <= tolerance, f"relative distance {distance:.2e} > {tolerance:.1e}"
    else:
        assert ours == peer


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each, with what was to be reached."""
    header = ("work", "size", "peer", "ours ms", "peer ms", "ratio", "target", "memory ratio")
    lines = [header]
    for row in rows:
        memory = ""
        if row.memory_ratio is not None:
            memory = f"{row.memory_ratio:.2f}x ({row.ours_peak_mib:.0f} MiB)"
            memory += f", target {row.memory_target:g}x" if row.memory_target else ""
        lines.append(
            (
                row.work,
                row.size,
                row.peer,
                f"{row.ours_ms:.2f} [{row.ours_spread_ms[0]:.2f}, {row.ours_spread_ms[1]:.2f}]",
                f"{row.peer_ms:.2f} [{row.peer_spread_ms[0]:.2f}, {row.peer_spread_ms[1]:.2f}]",
                f"{row.ratio:.2f}x",
                "" if row.target is None else f"{row.target:g}x",
                memory,
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def write_results(rows: Sequence[Row], device: torch.device, folder: Path) -> Path:
    """Put the rows into the device's file, in place of older ones of the same work and size."""
    name = device_name(device)
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    new = [json.loads(json.dumps(asdict(row))) for row in rows]
    keys = {_key(row) for row in new}
    merged = sorted([row for row in kept if _key(row) not in keys] + new, key=_key)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"device": name, "rows": merged}, indent=1) + "\n")
    return path


def device_name(device: torch.device) -> str:
    """The model of the GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _key(row: dict) -> tuple:
    return row["work"], row["size"], row["peer"], row["threads"]


def _quartiles(values: list[float]) -> tuple[float, float]:
    first, _, third = statistics.quantiles(values, n=4)
    return first, third


def _resident(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s*(\d+) kB", text).group(1)) * 1024


def _commit() -> str:
    """The commit, with a + when files differ from it."""
    described = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"],
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or "unknown"


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda:
        versions["cuda"] = torch.version.cuda
    return versions
