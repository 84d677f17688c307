"""The order of what the clock for CUDA gives to the device, on a stand-in for torch.cuda."""

from __future__ import annotations

from types import SimpleNamespace

import clocks
import pytest
import torch
from clocks import MIB, CudaClock, HostClock, clock_of


@pytest.fixture
def device(monkeypatch):
    """Notes what is done, in order; time passes by a millisecond with each."""
    done = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            done.append("record")
            self.at = len(done)

        def synchronize(self):
            done.append("wait")

        def elapsed_time(self, end):
            return float(end.at - self.at)

    class Flush:
        def zero_(self):
            done.append("flush")

    monkeypatch.setattr(torch.cuda, "Event", Event)
    properties = SimpleNamespace(L2_cache_size=60 * MIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    sizes = []
    monkeypatch.setattr(clocks.torch, "empty", lambda size, **_: sizes.append(size) or Flush())
    return SimpleNamespace(done=done, sizes=sizes)


def test_the_cache_is_flushed_before_and_events_are_around_the_work(device):
    clock = CudaClock(torch.device("cuda"))
    assert device.sizes == [120 * MIB]
    seconds, result = clock.timed(lambda: device.done.append("work") or 42)
    assert device.done == ["flush", "record", "work", "record", "wait"]
    assert (seconds, result) == (0.002, 42)


def test_peak_memory_of_a_call_is_beyond_what_was_held(device, monkeypatch):
    allocated = iter([100 * MIB])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: next(allocated))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 130 * MIB)
    for name in ("reset_peak_memory_stats", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda _, name=name: device.done.append(name))
    clock = CudaClock(torch.device("cuda"))
    assert clock.peak_mib(lambda: device.done.append("work")) == 30
    assert device.done == ["reset_peak_memory_stats", "work", "synchronize"]


def test_the_host_has_its_own_clock():
    assert isinstance(clock_of(torch.device("cpu")), HostClock)
