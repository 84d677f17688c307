"""The operators as on a device without compiled kernels: their plain-torch references."""

from __future__ import annotations

import pytest

from jnrf_ext import _loader


def run_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends no device has kernels, and nothing has been warned of yet."""
    monkeypatch.setattr(_loader, "has_kernel", lambda operator, device: False)
    monkeypatch.setattr(_loader, "_warned", set())
