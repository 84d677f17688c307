"""What a run costs: parameters, memory, and energy where the machine tells it."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

import torch
from torch import nn

_POWERCAP = Path("/sys/class/powercap")


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Numbers in the weights: ``trainable`` and ``frozen``."""
    counts = {"trainable": 0, "frozen": 0}
    for parameter in model.parameters():
        counts["trainable" if parameter.requires_grad else "frozen"] += parameter.numel()
    return counts


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory held so far: torch's on a CUDA device, else this process's resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # Linux counts kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class EnergyMeter:
    """Joules used by the CPU packages (Intel RAPL) and, on CUDA, by the GPU (NVML).

    :meth:`joules` is to be called at least every few minutes: RAPL's counters wrap. It counts the
    whole machine, other programs included. ``cpus=False`` leaves the CPUs to another process of
    the machine, which counts them.
    """

    def __init__(
        self,
        device: torch.device,
        before: float | None = None,
        powercap: Path = _POWERCAP,
        cpus: bool = True,
    ):
        self._zones = [
            (zone / "energy_uj", zone / "max_energy_range_uj")
            for zone in sorted(powercap.glob("intel-rapl:*"))
            if cpus and zone.name.count(":") == 1
        ]
        self._gpu = _nvml_counter(device) if device.type == "cuda" else None
        self._last = self._read()
        self._total = before or 0.0

    def _read(self) -> dict[str, tuple[float, float]]:
        """Each counter's joules and, where it wraps, the range it wraps at."""
        readings = {}
        for energy, limit in self._zones:
            try:
                readings[str(energy)] = (
                    int(energy.read_text()) / 1e6,
                    int(limit.read_text()) / 1e6,
                )
            except (OSError, ValueError):  # readable by root alone on most systems
                continue
        if self._gpu is not None and (joules := self._gpu()) is not None:
            readings["gpu"] = (joules, 0.0)
        return readings

    def joules(self) -> float | None:
        """Energy since the meter was made, and ``before``; None where no counter can be read."""
        now = self._read()
        for name, (value, limit) in now.items():
            used = value - self._last.get(name, (value, limit))[0]
            self._total += used + limit if used < 0 else used
        self._last = now
        return self._total if now else None


def _nvml_counter(device: torch.device):
    """A function that reads the GPU's total joules, or None without NVML."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    name = f"GPU-{uuid.removeprefix('GPU-')}".encode()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)):
        return None

    def read() -> float | None:
        failed = nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        return None if failed else millijoules.value / 1e3

    return read
