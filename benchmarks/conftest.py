"""The fixtures of the benchmarks; `comparison` describes how to write one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from comparison import Comparison, device_name, table, write_results

_ROWS = pytest.StashKey[list]()


def pytest_addoption(parser):
    group = parser.getgroup("comparison")
    group.addoption("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    group.addoption(
        "--results",
        type=Path,
        default=Path(__file__).parent / "results",
        help="folder for <device>.json",
    )


def pytest_configure(config):
    config.stash[_ROWS] = []


def _device(config) -> torch.device:
    return torch.device(
        config.getoption("--device") or ("cuda" if torch.cuda.is_available() else "cpu")
    )


@pytest.fixture(scope="session")
def device(pytestconfig) -> torch.device:
    """Where the benchmarks run."""
    return _device(pytestconfig)


@pytest.fixture
def compare(benchmark, device, pytestconfig) -> Comparison:
    """Measures ours against a peer; see `comparison`."""
    return Comparison(benchmark, device, pytestconfig.stash[_ROWS])


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[_ROWS]
    if not rows:
        return
    where = _device(config)
    path = write_results(rows, where, config.getoption("--results"))
    terminalreporter.section(f"ours and peers on {device_name(where)}, {rows[0].threads} threads")
    terminalreporter.write_line(table(rows))
    terminalreporter.write_line(f"medians [quartiles] in ms; written to {path}")
