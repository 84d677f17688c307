"""A real study, of tiny models: two systems, one corpus, two seeds."""

from __future__ import annotations

import csv
import json

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.study.execute import run_study


@pytest.mark.slow
def test_two_systems_are_trained_scored_and_compared(tmp_path, read):
    corpus = write_corpus(tmp_path / "notes", documents=2, sentences=4)
    tiny = TINY | {"run.epochs": 1, "run.max_tokens": 100}
    study = read(
        {
            "systems": {
                "wide": {"system": "jnrf"},
                "narrow": {"system": "jnrf", "settings": {"model.hidden_size": 8}},
            },
            "corpora": {"notes": {"train": str(corpus), "dev": str(corpus), "test": str(corpus)}},
            "seeds": [1, 2],
            "settings": tiny,
            "metrics": ["mentions_lenient", "entities.micro.f1", "labels.macro.f1"],
        }
    )
    results = run_study(study, tmp_path / "out", jobs=2)
    assert results.failed == []
    assert len(results.done) == 4
    summary = json.loads((tmp_path / "out/runs/wide/notes/seed1/summary.json").read_text())
    assert summary["prediction_tokens"] > 0
    assert summary["prediction_tokens_per_second"] > 0
    assert summary["peak_process_bytes"] >= summary["peak_memory_bytes"] > 0
    assert summary["peak_cuda_bytes"] is None
    assert summary["metrics"]["test"]["entities"]["micro"].keys() == {"precision", "recall", "f1"}
    rows = list(csv.DictReader((tmp_path / "out/study.csv").open()))
    wide, narrow = (next(r for r in rows if r["system"] == s) for s in ("wide", "narrow"))
    assert int(wide["trainable"]) > int(narrow["trainable"])
    assert "Up to 2 runs shared the machine" in (tmp_path / "out/study.md").read_text()
