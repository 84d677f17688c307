"""What tests of several folders share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Before torch is loaded: see jnrf.cli.main.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
# Under nohup, or behind a script's &, Ctrl-C is ignored, and so it would be by the commands tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


# First of all, as what is marked here counts when pytest deselects.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Real corpora are slow; "cuda" is skipped, with the reason, where CUDA kernels cannot run."""
    from jnrf_ext import _loader

    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    if _loader.cuda_error is None:
        return
    no_gpu = pytest.mark.skip(reason=f"no CUDA kernels: {_loader.cuda_error}")
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(no_gpu)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """One line of the summary for all of them, in place of hundreds."""
    report = yield
    if report.skipped and item.get_closest_marker("cuda"):
        report.longrepr = (__file__, None, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora (JNRF_SHARED_DATA, or shared/data beside the checkout)."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("JNRF_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real corpora are not at {folder}; set JNRF_SHARED_DATA to where they are")
    return folder
