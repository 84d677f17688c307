"""Commands to break off, and a model for them."""

from __future__ import annotations

import sys

import pytest
from commands import TINY_WORDS, Ended, Server
from tiny_corpus import write_corpus


@pytest.fixture(scope="session")
def server():
    """One server for all tests."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    if not sys.platform.startswith("linux"):
        pytest.skip("process groups and /proc are looked at as Linux has them")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def jnrf(server):
    """``jnrf(...)`` runs a command to its end; ``jnrf.start(...)`` lets it run."""

    def run(*words, **options) -> Ended:
        return server.run(*words, **options)

    run.start = server.start
    yield run
    server.tidy()


@pytest.fixture(scope="session")
def model(server, tmp_path_factory):
    """The folder of a model that knows its training notes: it finds mentions and relations."""
    folder = tmp_path_factory.mktemp("model")
    corpus = write_corpus(folder / "corpus")
    learnt_by_heart = ("embedding_dropout", "layer_dropout", "head_dropout", "wordpiece_dropout")
    ended = server.run(
        *("train", "--train", corpus, "--out", folder / "run", *TINY_WORDS),
        *("--run.epochs", 60, "--model.hidden_size", 32, "--optim.lr", 0.01),
        *(word for name in learnt_by_heart for word in (f"--model.{name}", 0)),
    )
    assert ended.status == 0, ended.err
    return folder / "run" / "best"
