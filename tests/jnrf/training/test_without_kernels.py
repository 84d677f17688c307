"""Training where no kernel runs, as on a GPU that the installation has no code for."""

from __future__ import annotations

import warnings

import pytest
from tiny_corpus import TINY, write_corpus
from without_kernels import run_references

from jnrf.systems import load_system
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf.training.log import read_rows
from jnrf_ext import JNRF


@pytest.mark.parametrize("system", ["jnrf", "jnrf-crf"])
def test_a_model_trains_as_with_kernels_and_predicts(tmp_path, monkeypatch, system):
    corpus = write_corpus(tmp_path / "corpus", documents=2)

    def losses(name):
        given = {"data.train": str(corpus), "run.out": str(tmp_path / name), "run.epochs": 3}
        chosen = settings.merge(load_system(system).settings, TINY | given)
        loop.train(TrainConfig.from_dict(chosen))
        return [row["loss"] for row in read_rows(tmp_path / name / "metrics.jsonl")]

    wanted = losses("kernels")
    run_references(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = losses("references")
        model = JNRF.from_pretrained(tmp_path / "references" / "best")
        assert model.extract("He takes aspirin 81 mg for fever.") is not None
    assert found == pytest.approx(wanted, rel=1e-3)
    assert found[-1] < found[0]
