"""A small study, and a trainer that takes no time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from tiny_corpus import write_corpus

from jnrf.study import definition

FAKE = [sys.executable, str(Path(__file__).parent / "fake_trainer.py")]


@pytest.fixture
def fake_trainer():
    """The command in place of ``jnrf train``."""
    return FAKE


@pytest.fixture
def corpus(tmp_path):
    """Six notes, eighteen mentions each."""
    return write_corpus(tmp_path / "notes", documents=6)


@pytest.fixture
def data(corpus):
    """The contents of a study file: two systems on one corpus with two seeds."""
    return {
        "systems": {"ours": {"system": "jnrf"}, "theirs": {"system": "jnrf"}},
        "corpora": {"notes": {"train": str(corpus), "dev": str(corpus), "test": str(corpus)}},
        "seeds": [1, 2],
        "settings": {"run.epochs": 2},
    }


@pytest.fixture
def read(tmp_path):
    """Writes the contents of a study file, and reads it."""

    def written(data, full=False, **variables):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        return definition.read(path, variables, full)

    return written
