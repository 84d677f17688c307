"""Every metric of the papers but n2c2's own (:mod:`jnrf.scoring.n2c2`), in one call.

Each is a figure of its own; no two may be compared, nor label-level ones shown as scores of spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jnrf.scoring import entities, relations
from jnrf.scoring.label_sequences import paired_label_sequences
from jnrf.scoring.labels import LabelLevelReport, label_level_report
from jnrf.scoring.scores import Counts, Rates, TypeScores
from jnrf_ext.documents.document import Document


@dataclass(frozen=True, slots=True)
class Labels:
    """The label-level report of arXiv 2210.12770: as it is, and with B and I merged."""

    plain: LabelLevelReport
    merged: LabelLevelReport


def score_labels(
    gold: Sequence[Document], predicted: Sequence[Document], tokens: str = "words"
) -> Labels:
    """Label-level reports of documents' tokens (:mod:`jnrf.scoring.label_sequences`)."""
    ours, theirs = paired_label_sequences(gold, predicted, tokens)
    return Labels(label_level_report(ours, theirs), label_level_report(ours, theirs, merge_bi=True))


def all_metrics(
    gold: list[Document], predicted: list[Document], tokens: str = "words"
) -> dict[str, dict]:
    """Figures by metric, as plain JSON types; documents correspond by id.

    "entities" (strict, every fragment equal), "relations_strict" and "relations_boundaries" have
    ``micro`` and ``macro`` (the mean over types); "labels" and "labels_merged", which are of tokens
    ("O" included) and no span F1, have ``accuracy``, ``macro`` (over labels) and ``weighted``. Each
    but the accuracy is {precision, recall, f1}, all 0 where there is nothing to find and nothing
    was found. ``tokens``: "words", or "whitespace" for corpora that are tokenised. Raises
    :class:`InputError` for a prediction without gold or on another text.
    """
    labels = score_labels(gold, predicted, tokens)
    return {
        "entities": _by_types(entities.score(gold, predicted)),
        "relations_strict": _by_types(relations.score(gold, predicted)),
        "relations_boundaries": _by_types(relations.score(gold, predicted, entity_types=False)),
        "labels": _by_labels(labels.plain),
        "labels_merged": _by_labels(labels.merged),
    }


def _by_types(scores: TypeScores) -> dict:
    return {"micro": _rates(scores.micro), "macro": _rates(scores.macro_types)}


def _by_labels(report: LabelLevelReport) -> dict:
    return {
        "accuracy": report.accuracy,
        "macro": _rates(report.macro),
        "weighted": _rates(report.weighted),
    }


def _rates(rates: Rates | Counts) -> dict[str, float]:
    return Rates(rates.precision, rates.recall, rates.f1).to_dict()
