"""A model that knows its training notes well, for all tests of prediction."""

import pytest
from tiny_corpus import write_corpus
from tiny_model import train_tiny_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """It finds mentions and relations in sentences like those of tiny_corpus."""
    return train_tiny_model(tmp_path_factory.mktemp("model"))


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
