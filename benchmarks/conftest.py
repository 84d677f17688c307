"""The fixtures of the benchmarks; `comparison` describes how to write one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from comparison import Comparison, device_name, table, write_results
from floors import Ceilings, measure

_ROWS = pytest.StashKey[list]()
_CEILINGS = pytest.StashKey[Ceilings]()


def pytest_addoption(parser):
    group = parser.getgroup("comparison")
    group.addoption("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    group.addoption(
        "--results",
        type=Path,
        default=Path(__file__).parent / "results",
        help="folder for <device>.json",
    )
    group.addoption(
        "--most-seconds", type=float, metavar="S", help="for a comparison, where it asks for more"
    )
    group.addoption(
        "--compiled", action="store_true", help="peers under torch.compile on the CPU too"
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
    stash = pytestconfig.stash

    def ceilings() -> Ceilings:
        """Of this machine, measured when they are first wanted."""
        if _CEILINGS not in stash:
            stash[_CEILINGS] = measure(device)
        return stash[_CEILINGS]

    most = pytestconfig.getoption("--most-seconds")
    return Comparison(benchmark, device, ceilings, stash[_ROWS], most)


@pytest.fixture
def compiled(device, pytestconfig):
    """`torch.compile` for one size; its rows have targets on CUDA, and skip elsewhere."""
    if device.type != "cuda" and not pytestconfig.getoption("--compiled"):
        pytest.skip("compiled peers are for CUDA; --compiled asks for them here")
    torch.compiler.reset()
    yield lambda function: torch.compile(function, dynamic=False)
    torch.compiler.reset()


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[_ROWS]
    if not rows:
        return
    where = _device(config)
    ceilings = config.stash.get(_CEILINGS, None)
    path = write_results(rows, where, config.getoption("--results"), ceilings)
    terminalreporter.section(f"ours and peers on {device_name(where)}, {rows[0].threads} threads")
    if ceilings is not None:
        terminalreporter.write_line(str(ceilings))
    terminalreporter.write_line(table(rows))
    terminalreporter.write_line(f"medians [quartiles] in ms; written to {path}")
