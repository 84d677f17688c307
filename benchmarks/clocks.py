"""How long a call takes and how much memory it takes, on the host or on a GPU."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

MIB = 2**20


def clock_of(device: torch.device) -> HostClock | CudaClock:
    """The clock for work on this device."""
    return CudaClock(device) if device.type == "cuda" else HostClock()


class HostClock:
    """Wall time, and the resident memory of this process."""

    def timed(self, work: Callable[[], Any]) -> tuple[float, Any]:
        """Seconds that one call takes, and its result."""
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result

    def peak_mib(self, work: Callable[[], Any]) -> float | None:
        """The most memory that one call held beyond what was there before it."""
        gc.collect()
        try:
            ctypes.CDLL(None).malloc_trim(0)  # else freed memory hides what the call takes
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
            before = _resident("VmRSS")
            work()
            return max(0.0, _resident("VmHWM") - before) / MIB
        except (OSError, AttributeError):
            return None  # not Linux with glibc


class CudaClock:
    """CUDA events around the call, and torch's own count of device memory.

    Before every call the second-level cache is overwritten, so that inputs come from device memory
    as they do in a model. The overwriting runs while the host already issues the call: the time
    has the host's share in it only where the host is slower than the device.
    """

    def __init__(self, device: torch.device):
        self.device = device
        cache = torch.cuda.get_device_properties(device).L2_cache_size
        self._flush = torch.empty(max(2 * cache, 64 * MIB), dtype=torch.uint8, device=device)

    def timed(self, work: Callable[[], Any]) -> tuple[float, Any]:
        """Seconds on the device that one call takes, and its result."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._flush.zero_()
        start.record()
        result = work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3, result

    def peak_mib(self, work: Callable[[], Any]) -> float:
        """The most memory that one call held beyond what was there before it."""
        gc.collect()
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        work()
        torch.cuda.synchronize(self.device)
        return (torch.cuda.max_memory_allocated(self.device) - before) / MIB


def in_graph(work: Callable[[], Any]) -> Callable[[], Any]:
    """The work as a CUDA graph: a function that replays it and gives the same result tensors.

    ``work`` must read its inputs from the same memory every time, and must not wait for the device.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):  # plans, workspaces and autograd's own set-up are no part of the graph
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Any:
        graph.replay()
        return result

    return replay


def _resident(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s*(\d+) kB", text).group(1)) * 1024
