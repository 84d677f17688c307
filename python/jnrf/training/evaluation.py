"""Scores of a model on documents, in memory."""

from __future__ import annotations

from collections.abc import Callable

from jnrf.scoring import n2c2
from jnrf.scoring.scores import Scores
from jnrf.training.distributed.team import ALONE, Team, partition
from jnrf.training.interrupt import Interrupted
from jnrf_ext import JNRF
from jnrf_ext.documents.document import Document


def predict(
    model: JNRF,
    documents: list[Document],
    between: Callable[[], None] = lambda: None,
    team: Team = ALONE,
) -> list[Document]:
    """The model's own annotations of each document's text; ``between`` is called after each.

    The processes of a ``team`` share the documents, and each gets all of the result. Where
    ``between`` raises :class:`Interrupted` in one of them, all raise it.
    """
    own = partition([len(document.text) for document in documents], team.size)[team.rank]
    predicted: list[Document] = []
    stopped = None
    try:
        for document in (documents[index] for index in own):
            predicted += model.extract([document.text], ids=[document.id])
            between()
    except Interrupted as stop:
        stopped = stop
    shares = team.gather(None if stopped else list(zip(own, predicted, strict=True)))
    by_index: dict[int, Document] = {}
    for share in shares:
        if share is None:
            raise stopped or Interrupted
        by_index.update(share)
    return [by_index[index] for index in range(len(documents))]


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
