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
peer before every call of ours, by the clock of the device (`clocks`), under pytest-benchmark (which
shows the wall time of ours). `memory=True` also measures the peak memory that one call of each
adds: `memory_target` is the ratio peer / ours to reach. `least=` says what the work must do at
least; the row then has the time that takes on this machine (`floors`), and its share of ours.
`tokens=` is how many one call deals with, for tokens a second, `rate_target` of which are to be
reached.
Nothing is asserted about time or memory.

At the end of the session every row is printed in one table and merged into
`benchmarks/results/<device>.json` (another folder with `--results`), each row with the commit,
versions, threads and date that it was measured at. `--device cpu|cuda` picks the device.
`--most-seconds S` spends no more on a comparison, five calls of each at least.
`--benchmark-disable` only checks that ours and the peers agree: nothing is timed or written.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clocks import clock_of
from floors import Ceilings, Floor, Least

ROOT = Path(__file__).resolve().parent.parent


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
    least: Least | None
    floor: Floor | None
    tokens: int | None  # that one call deals with
    rate_target: float | None  # tokens a second
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

    @property
    def floor_share(self) -> float | None:
        """The least time the work can take, over ours: 1 is the best there is."""
        return None if self.floor is None else self.floor.ms / self.ours_ms

    @property
    def tokens_per_second(self) -> float | None:
        """Of ours."""
        return None if self.tokens is None else 1e3 * self.tokens / self.ours_ms


class Comparison:
    """What the fixture `compare` is: callable, and gives its rows to the session's list."""

    def __init__(
        self,
        benchmark,
        device: torch.device,
        ceilings: Callable[[], Ceilings],
        rows: list[Row],
        most_seconds: float | None = None,
    ):
        self.benchmark, self.device, self.ceilings, self.rows = benchmark, device, ceilings, rows
        self.most_seconds = math.inf if most_seconds is None else most_seconds

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
        least: Least | None = None,
        tokens: int | None = None,
        rate_target: float | None = None,
    ) -> Row | None:
        """Check, measure, note; see the module's text. ``seconds`` is the time to spend."""
        clock = clock_of(self.device)
        ours_seconds, ours_result = clock.timed(ours)
        peer_seconds, peer_result = clock.timed(peer)
        (agree or (lambda a, b: assert_agree(a, b, tolerance)))(ours_result, peer_result)
        del ours_result, peer_result
        if not self.benchmark.enabled:
            self.benchmark(lambda: None)
            return None
        ours_seconds = min(ours_seconds, clock.timed(ours)[0])  # the first call may also build
        peer_seconds = min(peer_seconds, clock.timed(peer)[0])
        seconds = min(seconds, self.most_seconds)
        rounds = int(min(100, max(5, seconds / (ours_seconds + peer_seconds))))
        ours_times: list[float] = []
        peer_times: list[float] = []
        self.benchmark.extra_info.update(work=work, size=size, peer=peer_name)
        self.benchmark.extra_info["peer_seconds"] = peer_times
        self.benchmark.pedantic(
            lambda: ours_times.append(clock.timed(ours)[0]),
            setup=lambda: peer_times.append(clock.timed(peer)[0]),
            rounds=rounds,
            warmup_rounds=1,
        )
        ours_ms = [1e3 * t for t in ours_times[1:]]  # the first one was the warm-up's
        peer_ms = [1e3 * t for t in peer_times[1:]]
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
            ours_peak_mib=clock.peak_mib(ours) if memory else None,
            peer_peak_mib=clock.peak_mib(peer) if memory else None,
            memory_target=memory_target,
            least=least,
            floor=None if least is None else self.ceilings().floor(least),
            tokens=tokens,
            rate_target=rate_target,
            threads=torch.get_num_threads(),
            commit=commit(),
            versions=versions(),
            date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        self.rows.append(row)
        return row


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
    header += ("floor ms", "share of floor", "tokens/s")
    lines = [header]
    for row in rows:
        memory = ""
        if row.memory_ratio is not None:
            memory = f"{row.memory_ratio:.2f}x ({row.ours_peak_mib:.0f} MiB)"
            memory += f", target {row.memory_target:g}x" if row.memory_target else ""
        floor = share = ""
        if row.floor is not None:
            bound = "bytes" if row.floor.bytes_ms >= row.floor.operations_ms else "operations"
            floor = f"{_digits(row.floor.ms)} by {bound}"
            share = f"{100 * row.floor_share:.2g}%"
        rate = ""
        if row.tokens_per_second is not None:
            rate = f"{row.tokens_per_second:,.0f}"
            rate += f", target {row.rate_target:,.0f}" if row.rate_target else ""
        lines.append(
            (
                row.work,
                row.size,
                row.peer,
                _with_spread(row.ours_ms, row.ours_spread_ms),
                _with_spread(row.peer_ms, row.peer_spread_ms),
                f"{row.ratio:.2f}x",
                "" if row.target is None else f"{row.target:g}x",
                memory,
                floor,
                share,
                rate,
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _with_spread(median: float, quartiles: tuple[float, float]) -> str:
    return f"{_digits(median)} [{_digits(quartiles[0])}, {_digits(quartiles[1])}]"


def _digits(ms: float) -> str:
    """Milliseconds to the microsecond where they are few."""
    return f"{ms:.2f}" if ms >= 10 else f"{ms:.3f}"


def write_results(
    rows: Sequence[Row], device: torch.device, folder: Path, ceilings: Ceilings | None = None
) -> Path:
    """Put the rows into the device's file, in place of older ones of the same work and size."""
    name = device_name(device)
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
    old = json.loads(path.read_text()) if path.exists() else {"rows": []}
    new = [json.loads(json.dumps(asdict(row))) for row in rows]
    keys = {_key(row) for row in new}
    contents: dict[str, Any] = {"device": name}
    if ceilings is not None:
        contents["ceilings"] = asdict(ceilings)
    elif "ceilings" in old:
        contents["ceilings"] = old["ceilings"]
    contents["rows"] = sorted([r for r in old["rows"] if _key(r) not in keys] + new, key=_key)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=1) + "\n")
    return path


def write_report(
    folder: Path, name: str, text: str, contents: dict[str, Any], device: torch.device
) -> None:
    """``name.txt`` for people and ``name.json`` with what it was measured by, in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text)
    about = {"device": device_name(device), "commit": commit(), "versions": versions()}
    (folder / f"{name}.json").write_text(json.dumps(about | contents, indent=1) + "\n")


def rows_of(contents: Mapping[str, Any]) -> list[Row]:
    """The rows of what `write_results` wrote, those of before there were floors included."""
    rows = []
    for fields in contents["rows"]:
        known = dict.fromkeys(("least", "floor", "tokens", "rate_target")) | fields
        for name, kind in (("least", Least), ("floor", Floor)):
            known[name] = known[name] and kind(**known[name])
        rows.append(Row(**known))
    return rows


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


@functools.cache
def commit() -> str:
    """The commit, with a + when files differ from it.

    JNRF_COMMIT says it for a copy of the files without its repository.
    """
    if named := os.environ.get("JNRF_COMMIT"):
        return named
    described = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"],
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or "unknown"


@functools.cache
def versions() -> dict[str, str]:
    """Of Python, torch, CUDA and, where there is a GPU, its driver."""
    found = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    if torch.cuda.is_available():
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        try:
            told = subprocess.run(query, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return found
        if told.returncode == 0 and told.stdout.strip():
            found["driver"] = told.stdout.split()[0]
    return found
