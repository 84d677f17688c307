"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before torch is loaded: see jnrf.cli.main.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora (JNRF_SHARED_DATA, or shared/data beside the checkout)."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("JNRF_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real corpora are not at {folder}; set JNRF_SHARED_DATA to where they are")
    return folder
