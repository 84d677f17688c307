"""What pip asks before it fetches what a build needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import backend, needs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hooks(monkeypatch):
    """The backend, with nothing that setuptools itself would need."""
    monkeypatch.setattr(backend.build_meta, "get_requires_for_build_wheel", lambda settings: [])
    return [backend.get_requires_for_build_wheel, backend.get_requires_for_build_editable]


def test_a_build_needs_torch_and_tools(hooks, monkeypatch):
    monkeypatch.setattr(needs, "compiler_problem", lambda: None)
    for ask in hooks:
        assert [name.split(">")[0] for name in ask()] == [
            "torch",
            "pybind11",
            "ninja",
            "cmake",
            "numpy",
        ]


def test_without_a_compiler_nothing_is_fetched(hooks, monkeypatch):
    monkeypatch.setattr(needs, "compiler_problem", lambda: "there is no C++ compiler: get one")
    for ask in hooks:
        with pytest.raises(SystemExit, match="there is no C\\+\\+ compiler: get one"):
            ask()


def test_pip_is_told_of_it():
    system = (ROOT / "pyproject.toml").read_text().split("[project]")[0]
    assert f'build-backend = "{backend.__name__}"' in system
    assert "torch" not in system
    for hook in (
        "build_wheel",
        "build_editable",
        "build_sdist",
        "prepare_metadata_for_build_wheel",
    ):
        assert callable(getattr(backend, hook))
