"""Notes with white space at their ends, or nothing else, from training to scores."""

from __future__ import annotations

import json

import pytest
from compositions import byte_pieces, sentence_pieces
from tiny_corpus import TINY, write_corpus

from jnrf.cli import main
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig


@pytest.mark.parametrize("make", [byte_pieces, sentence_pieces])
@pytest.mark.parametrize("units", ["wordpiece", "word", "token"])
def test_notes_that_end_in_spaces_are_trained_on_scored_and_predicted(tmp_path, make, units):
    corpus = write_corpus(tmp_path / "corpus", documents=2, sentences=2, end=".  ")
    for name, text in (("spaces", "  \n "), ("empty", ""), ("before", "\n  He takes aspirin ")):
        (corpus / f"{name}.txt").write_text(text, encoding="utf-8")
        (corpus / f"{name}.ann").write_text("", encoding="utf-8")
    make().save(tmp_path / "tokenizer.json")
    values = TINY | {
        "data.train": str(corpus),
        "data.dev": str(corpus),
        "data.tokenizer": str(tmp_path / "tokenizer.json"),
        "model.units": units,
        "run.epochs": 1,
        "run.out": str(tmp_path / "run"),
    }
    loop.train(TrainConfig.from_dict(settings.merge({}, values)))
    model, predicted = str(tmp_path / "run/best"), tmp_path / "predicted"
    assert main(["predict", model, str(corpus), "--out", str(predicted)]) == 0
    written = {path.stem for path in predicted.glob("*.ann")}
    assert written == {path.stem for path in corpus.glob("*.txt")}
    scores = tmp_path / "scores.json"
    assert main(["evaluate", str(corpus), str(predicted), "--json", str(scores)]) == 0
    assert json.loads(scores.read_text())
