"""Scores of a model on documents, in memory."""

from __future__ import annotations

from collections.abc import Callable

from jnrf.scoring import n2c2
from jnrf.scoring.scores import Scores
from jnrf_ext import JNRF
from jnrf_ext.document import Document


def predict(
    model: JNRF, documents: list[Document], between: Callable[[], None] = lambda: None
) -> list[Document]:
    """The model's own annotations of each document's text; ``between`` is called after each."""
    predicted = []
    for document in documents:
        predicted += model.extract([document.text], ids=[document.id])
        between()
    return predicted


def headlines(scores: Scores) -> dict[str, float]:
    """The four micro F1 that a run is steered by, under the names of ``run.metric``."""
    return {
        f"{task}_{match}": getattr(scores, task)[match].micro.f1
        for task in ("mentions", "relations")
        for match in ("strict", "lenient")
    }


def score(gold: list[Document], predicted: list[Document], mode: str = "corrected") -> Scores:
    """By the rules of n2c2 track 2, official or corrected."""
    return n2c2.score(gold, predicted, mode=mode)
