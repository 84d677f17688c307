"""What a run got right and wrong in each document: what a test over documents is made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jnrf.corpora import open_corpus
from jnrf.corpora.brat_lines import AnnotationFile
from jnrf.scoring import entities, n2c2, relations
from jnrf.scoring.scores import Counts
from jnrf.study.metrics import Metric
from jnrf.training.run_folder import RunFolder
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError


def read_predictions(folder: Path, name: str, gold: Sequence[Document]) -> list[Document]:
    """A run's predictions for the gold documents of a set ("dev" or "test"), in their order.

    Offsets are those of the gold's own text, whatever its format.
    """
    predicted = []
    for document in gold:
        path = RunFolder(folder).predictions / name / f"{document.id}.ann"
        try:
            content = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror}; the predictions are not those of the gold documents: "
                f"remove {folder} to run it again"
            ) from error
        found = Document(document.id, document.text)
        AnnotationFile(content, path, found, "raise").fill("count")
        predicted.append(found)
    return predicted


def document_counts(
    metric: Metric, gold: Sequence[Document], predicted: Sequence[Document]
) -> np.ndarray:
    """True positives, false positives and false negatives of each document, int64 [D, 3].

    Their sum over documents has the metric's micro F1. ``gold`` and ``predicted`` correspond by
    position; ``metric`` is one that is counted.
    """
    pairs = zip(gold, predicted, strict=True)
    counts = [_counts(metric, ours, theirs) for ours, theirs in pairs]
    rows = [(c.tp, c.fp, c.fn) for c in counts]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _counts(metric: Metric, gold: Document, predicted: Document) -> Counts:
    if metric.mode:
        task, _, level = metric.path[0].partition("_")
        scores = n2c2.score([gold], [predicted], metric.mode)
        return getattr(scores, task)[level].micro
    if metric.path[0] == "entities":
        return entities.score([gold], [predicted]).micro
    with_types = metric.path[0] == "relations_strict"
    return relations.score([gold], [predicted], entity_types=with_types).micro


class DocumentSets:
    """Gold documents by path, each read once: many runs share them."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], list[Document]] = {}

    def __call__(self, path: str, on_error: str) -> list[Document]:
        """The documents at ``path``, as a run with that ``data.malformed`` reads them."""
        if (path, on_error) not in self._read:
            self._read[path, on_error] = open_corpus(path, on_error)
        return self._read[path, on_error]
