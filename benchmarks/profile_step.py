"""Where the time of a training step goes on a GPU: `python benchmarks/profile_step.py`.

Runs the step of `bench_step` at the paper's sizes, first alone (time, tokens a second, joules),
then under torch's profiler, whose trace says: the share of the device's busy time by kind of
kernel, launches a step, how long the device stood idle between kernels, how often the host waited.
Prints that and writes it as JSON, with the trace beside it (chrome://tracing, ui.perfetto.dev).
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from comparison import device_name, write_report
from torch.profiler import ProfilerActivity

ROOT = Path(__file__).resolve().parent.parent

# The first that matches the kernel's name. cuBLAS calls its kernels for Hopper nvjet.
KINDS = {
    "ours": r"\bjnrf::",
    "matrix products": r"gemm|gemv|cutlass|xmma|nvjet|cublas|splitk|dot_kernel",
    "FFT": r"fft",
    "optimizer, clipping": r"multi_tensor|fused_adam|foreach",
    "copies, fills": r"^memcpy|^memset|copy_kernel|fill",
    "reductions": r"reduce|softmax|norm|nll_loss|scan|sort|cub",
    "elementwise": r"elementwise|vectorized|index|gather|scatter|where|triton",
}
_LAUNCH = re.compile(r"^(cuda|cu)LaunchKernel|^cudaLaunchCooperative|^cudaGraphLaunch")
_WAIT = re.compile(r"^cu(da)?(Stream|Event|Device|Ctx)Synchronize")
_LONG_GAP_US = 10.0


@dataclass(frozen=True)
class Profile:
    """A step, on average; times in microseconds of the device."""

    span: float  # from the first kernel to the last, a step
    busy: float
    by_kind: dict[str, float]
    top: list[tuple[str, float, float]]  # kernel, microseconds and launches a step
    kernels: float  # kernels, copies and fills
    launches: float  # calls of the host that launch
    waits: float  # calls of the host that wait
    copies_to_host: float
    long_gaps: float  # idle for more than 10 microseconds
    longest_gap: float

    def share(self, kind: str) -> float:
        """Of the device's busy time."""
        return self.by_kind.get(kind, 0.0) / self.busy if self.busy else 0.0

    def __str__(self) -> str:
        idle = 1 - self.busy / self.span if self.span else 0.0
        lines = [
            f"device: {self.span / 1e3:.3f} ms a step, busy {self.busy / 1e3:.3f} ms, "
            f"idle {100 * idle:.1f}% ({self.long_gaps:.1f} gaps over {_LONG_GAP_US:.0f} us, "
            f"the longest {self.longest_gap:.0f} us)",
            f"a step: {self.kernels:.1f} kernels, copies and fills; {self.launches:.1f} launches, "
            f"{self.waits:.1f} waits of the host, {self.copies_to_host:.1f} copies to it",
        ]
        for kind, spent in sorted(self.by_kind.items(), key=lambda item: -item[1]):
            lines.append(f"  {100 * self.share(kind):5.1f}%  {spent / 1e3:8.3f} ms  {kind}")
        lines.append("longest kernels:")
        for name, spent, count in self.top:
            lines.append(f"  {spent / 1e3:8.3f} ms in {count:5.1f}  {name[:110]}")
        return "\n".join(lines)


def kind_of(kernel: str) -> str:
    """What a kernel is for, by its name."""
    for kind, pattern in KINDS.items():
        if re.search(pattern, kernel, re.IGNORECASE):
            return kind
    return "other"


def summarise(events: Iterable[dict], steps: int, longest: int = 15) -> Profile:
    """From the events of a chrome trace of so many steps.

    Kernels that overlap on several streams count once as busy time, and each in its kind.
    """
    on_device, calls = [], Counter()
    copies_to_host = 0
    for event in events:
        if event.get("ph") != "X":
            continue
        category, name = event.get("cat", ""), event.get("name", "")
        if category in ("kernel", "gpu_memcpy", "gpu_memset"):
            on_device.append((float(event["ts"]), float(event["dur"]), name))
            copies_to_host += category == "gpu_memcpy" and "DtoH" in name
        elif category in ("cuda_runtime", "cuda_driver"):
            calls["launches"] += bool(_LAUNCH.match(name))
            calls["waits"] += bool(_WAIT.match(name))
    if not on_device:
        raise ValueError("the trace has no kernel; was the step on a GPU?")
    on_device.sort()
    busy, gaps, end = 0.0, [], on_device[0][0]
    by_kind, spent, counts = Counter(), Counter(), Counter()
    for start, duration, name in on_device:
        if start > end:
            gaps.append(start - end)
        busy += max(0.0, start + duration - max(start, end))
        end = max(end, start + duration)
        by_kind[kind_of(name)] += duration
        spent[name] += duration
        counts[name] += 1
    return Profile(
        span=(end - on_device[0][0]) / steps,
        busy=busy / steps,
        by_kind={kind: total / steps for kind, total in by_kind.items()},
        top=[(name, t / steps, counts[name] / steps) for name, t in spent.most_common(longest)],
        kernels=len(on_device) / steps,
        launches=calls["launches"] / steps,
        waits=calls["waits"] / steps,
        copies_to_host=copies_to_host / steps,
        long_gaps=sum(gap > _LONG_GAP_US for gap in gaps) / steps,
        longest_gap=max(gaps, default=0.0),
    )


def trace(step: Callable[[], object], steps: int, device: torch.device, path: Path) -> list[dict]:
    """The events of so many steps, also written to ``path`` (.json.gz)."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        for _ in range(steps):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(plain))
        text = plain.read_bytes()
    path.write_bytes(gzip.compress(text))
    return json.loads(text)["traceEvents"]


def speed(step: Callable[[], object], steps: int, device: torch.device) -> dict[str, float | None]:
    """Milliseconds and joules a step, not profiled; the host may run ahead."""
    from jnrf.training.resources import EnergyMeter

    def settle() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    settle()
    meter, began = EnergyMeter(device), time.perf_counter()
    for _ in range(steps):
        step()
    settle()
    seconds, joules = time.perf_counter() - began, meter.joules()
    return {
        "ms": 1e3 * seconds / steps,
        "joules": None if joules is None else joules / steps,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "profile")
    parser.add_argument("--steps", type=int, default=10, help="under the profiler")
    parser.add_argument("--seconds", type=float, default=4.0, help="of steps alone")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("the profile needs a GPU; --device cpu only tries the script", file=sys.stderr)
        return 2
    sys.path.append(str(ROOT / "tests" / "support"))  # the authors' model, for its weights
    from bench_step import HIDDEN, TOKENS, Gold, models, our_step

    theirs, ours, ids = models(device)
    gold = Gold.invent(theirs, ids)
    del theirs
    step = our_step(ours, ids, gold, bf16=device.type == "cuda")
    for _ in range(3):
        step()
    usual = speed(step, 1, device)["ms"]
    alone = speed(step, max(1, int(1e3 * options.seconds / usual)), device)
    options.out.mkdir(parents=True, exist_ok=True)
    events = trace(step, options.steps, device, options.out / "step_trace.json.gz")
    joules = "" if alone["joules"] is None else f", {alone['joules']:.2f} J"
    text = (
        f"training step on {device_name(device)}, N={TOKENS} H={HIDDEN}: {alone['ms']:.3f} ms, "
        f"{1e3 * TOKENS / alone['ms']:,.0f} tokens a second{joules}\n"
    )
    profile = None
    if device.type == "cuda":
        profile = summarise(events, options.steps)
        text += f"{profile}\n"
    print(text, end="")
    contents = {"tokens": TOKENS, "step": alone, "profile": profile and asdict(profile)}
    write_report(options.out, "step_profile", text, contents, device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
