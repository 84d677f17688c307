"""A model that has learnt a tiny corpus by heart, in a few seconds."""

from __future__ import annotations

from pathlib import Path

from tiny_corpus import TINY, write_corpus

from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig

_LEARNT_WELL = {
    "run.epochs": 60,
    "model.hidden_size": 32,
    "model.embedding_dropout": 0.0,
    "model.layer_dropout": 0.0,
    "model.head_dropout": 0.0,
    "model.wordpiece_dropout": 0.0,
    "optim.lr": 0.01,
}


def train_tiny_model(folder: Path) -> Path:
    """The folder of a model that finds mentions and relations in notes like its corpus'."""
    values = TINY | _LEARNT_WELL
    values |= {"data.train": str(write_corpus(folder / "corpus")), "run.out": str(folder / "run")}
    loop.train(TrainConfig.from_dict(settings.merge({}, values)))
    return folder / "run" / "best"
