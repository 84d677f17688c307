"""What `compare` measures, what it refuses, and the file its rows end up in."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
import torch
from clocks import HostClock
from comparison import Comparison, rows_of, table, write_results
from floors import Ceilings, Least

CEILINGS = Ceilings(1e9, {"float32": 1e9}, "today")
CPU = torch.device("cpu")


class Benchmark:
    """What pytest-benchmark does in `pedantic`, as far as `compare` relies on it."""

    def __init__(self, enabled: bool = True):
        self.enabled, self.extra_info, self.rounds = enabled, {}, 0

    def __call__(self, function):
        return function()

    def pedantic(self, function, setup, rounds, warmup_rounds):
        self.rounds = rounds
        for _ in range(warmup_rounds + rounds):
            setup()
            function()


def sleeper(seconds: float, result: float = 1.0):
    def work():
        time.sleep(seconds)
        return [torch.tensor([result])]

    return work


def compare(enabled: bool = True, **options):
    rows = []
    comparison = Comparison(Benchmark(enabled), CPU, lambda: CEILINGS, rows)
    arguments = dict(ours=sleeper(0.002), peer=sleeper(0.006), seconds=0.1) | options
    return comparison("work", "size", **arguments), rows


def test_ratio_floor_and_share():
    work = Least(1e6, {"float32": 4e5})
    row, rows = compare(least=work, target=2.0, tokens=50, rate_target=1e4)
    assert rows == [row]
    assert row.rounds >= 5
    assert 2 <= row.ours_ms < row.peer_ms
    assert row.ratio == pytest.approx(row.peer_ms / row.ours_ms)
    assert (row.floor.bytes_ms, row.floor.operations_ms) == pytest.approx((1.0, 0.4))
    assert row.floor_share == pytest.approx(1.0 / row.ours_ms)
    assert row.tokens_per_second == pytest.approx(50e3 / row.ours_ms)
    text = table(rows)
    assert f"{row.tokens_per_second:,.0f}, target 10,000" in text
    assert "1.000 by bytes" in text
    assert f"{100 * row.floor_share:.2g}%" in text


def test_results_must_agree():
    with pytest.raises(AssertionError, match="relative distance"):
        compare(peer=sleeper(0.0, result=1.1))


def test_disabled_checks_only():
    row, rows = compare(enabled=False)
    assert row is None
    assert rows == []
    with pytest.raises(AssertionError, match="relative distance"):
        compare(enabled=False, peer=sleeper(0.0, result=1.1))


def test_peak_memory():
    """A call that holds 64 MiB more than it keeps."""
    peak = HostClock().peak_mib(lambda: torch.ones(16 * 2**20).sum())
    if peak is None:
        pytest.skip("this system does not tell")
    assert 60 < peak < 90


def test_rows_of_before_there_were_floors():
    row, _ = compare()
    later = ("least", "floor", "tokens", "rate_target")
    fields = {key: value for key, value in vars(row).items() if key not in later}
    assert rows_of({"rows": [fields]}) == [row]


def test_results_replace_older_rows_of_the_same_work(tmp_path, monkeypatch):
    monkeypatch.setenv("JNRF_COMMIT", "abc")
    # `commit` remembers what it found first; a fresh one reads the variable.
    import comparison

    monkeypatch.setattr(comparison, "commit", comparison.commit.__wrapped__)
    first, _ = compare(least=Least(1e6))
    second, _ = compare()
    path = write_results([first], CPU, tmp_path, CEILINGS)
    other = SimpleNamespace(**json.loads(path.read_text()))
    assert other.ceilings["copy"] == 1e9
    (read,) = rows_of(vars(other))
    assert (read.least, read.floor) == (first.least, first.floor)
    assert table([read]) == table([first])
    assert write_results([second], CPU, tmp_path) == path
    contents = json.loads(path.read_text())
    assert len(contents["rows"]) == 1
    assert contents["rows"][0]["ours_ms"] == second.ours_ms
    assert contents["rows"][0]["commit"] == "abc"
    assert contents["ceilings"]["rates"] == {"float32": 1e9}  # kept where none were measured
