"""A model that knows its training notes well, for all tests of prediction."""

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """It finds mentions and relations in sentences like those of tiny_corpus."""
    folder = tmp_path_factory.mktemp("model")
    values = TINY | {
        "data.train": str(write_corpus(folder / "corpus")),
        "run.out": str(folder / "run"),
        "run.epochs": 60,
        "model.hidden_size": 32,
        "model.embedding_dropout": 0.0,
        "model.layer_dropout": 0.0,
        "model.head_dropout": 0.0,
        "model.wordpiece_dropout": 0.0,
        "optim.lr": 0.01,
    }
    loop.train(TrainConfig.from_dict(settings.merge({}, values)))
    return folder / "run" / "best"


@pytest.fixture(scope="session")
def predictor(model_folder):
    """The model, ready."""
    from jnrf.prediction.predictor import PredictorSettings

    return PredictorSettings(str(model_folder), device="cpu").load()


@pytest.fixture
def notes(tmp_path):
    """Five notes without annotations."""
    folder = write_corpus(tmp_path / "notes", documents=5, seed=3)
    for path in folder.glob("*.ann"):
        path.unlink()
    return folder
