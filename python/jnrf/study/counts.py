"""What a run got right and wrong in each document: what a test over documents is made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jnrf.corpora.annotated import read_annotated
from jnrf.corpora.brat_lines import AnnotationFile
from jnrf.corpora.roles import agree, has_open_roles, of_documents, orient
from jnrf.corpora.texts import read_text
from jnrf.scoring import entities, n2c2, relations
from jnrf.scoring.scores import Counts
from jnrf.study.metrics import Metric
from jnrf.training.run_folder import RunFolder
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError


def read_predictions(folder: Path, name: str, gold: Sequence[Document]) -> list[Document]:
    """A run's predictions for the gold documents of a set ("dev" or "test"), in their order.

    Offsets are those of the gold's own text, whatever its format.
    """
    predicted = []
    for document in gold:
        path = RunFolder(folder).predictions / name / f"{document.id}.ann"
        if not path.exists():
            raise InputError(
                f"{path}: no such file; the predictions are not those of the gold documents: "
                f"remove {folder} to run it again"
            )
        found = Document(document.id, document.text)
        AnnotationFile([(path, read_text(path))], found, "raise").fill("count")
        predicted.append(found)
    orient(predicted, of_documents(gold))
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
        self._read: dict[tuple[str, ...], list[Document]] = {}

    def __call__(self, data: dict, name: str) -> list[Document]:
        """The documents of a set ("dev" or "test") as a run with these ``data`` settings has them.

        Relations have the head that the run's training documents decide
        (:func:`jnrf.corpora.roles.agree`).
        """
        # Runs of before the setting took such texts as empty.
        choices = (data["malformed"], data.get("unannotated", "empty"))
        key = (data[name], data["train"], *choices)
        if key not in self._read:
            documents, _ = read_annotated(data[name], *choices)
            if has_open_roles(documents):
                agree(read_annotated(data["train"], *choices)[0], documents)
            self._read[key] = documents
        return self._read[key]
