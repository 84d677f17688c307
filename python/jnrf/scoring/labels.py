"""The label-level report of TransformerCRF (Belkadi et al., arXiv 2210.12770).

This is NOT span F1 and must never be shown as such: it asks of each token whether its BIO label is
right, "O" included, so that frequent easy tokens lift it and a mention of which one token is missed
still scores. For scores of mentions see :mod:`jnrf.scoring.entities` and
:mod:`jnrf.scoring.n2c2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jnrf.scoring.scores import Counts, Rates
from jnrf_ext.errors import InputError


@dataclass(frozen=True, slots=True)
class LabelLevelReport:
    """Scores of single tokens' labels ("O" included), which are not scores of spans.

    ``macro`` is the mean over the labels, ``weighted`` the mean weighted by how many tokens have
    the label in the gold, ``accuracy`` the share of tokens that are right.
    """

    by_label: dict[str, Counts]
    macro: Rates
    weighted: Rates
    accuracy: float

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {
            "metric": "label level (tokens, O included); not span F1",
            "accuracy": self.accuracy,
            "macro": self.macro.to_dict(),
            "weighted": self.weighted.to_dict(),
            "by_label": {name: counts.to_dict() for name, counts in self.by_label.items()},
        }


def label_level_report(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    labels: Sequence[str] | None = None,
    merge_bi: bool = False,
) -> LabelLevelReport:
    """Precision, recall and F1 of each label over all tokens: a token metric, not span F1.

    ``gold`` and ``predicted`` hold one label a token, one sequence a sentence. ``labels`` are those
    to average over (a label that never occurs counts as 0); by default all that occur. With
    ``merge_bi`` B-X and I-X are one label X, in ``labels`` too. Raises :class:`InputError` when the
    two sides differ in length or a label is not among ``labels``.
    """
    ours, theirs = _flat(gold, predicted, merge_bi)
    if labels is None:
        names = sorted({*ours, *theirs}, key=lambda name: (name != "O", name))
    else:
        names = list(dict.fromkeys(_merged(name) if merge_bi else name for name in labels))
        if unknown := {*ours, *theirs} - set(names):
            raise InputError(f"label {min(unknown)} is not among the labels given; add it to them")
    right = Counter(a for a, b in zip(ours, theirs, strict=True) if a == b)
    support, found = Counter(ours), Counter(theirs)
    by_label = {
        name: Counts(right[name], found[name] - right[name], support[name] - right[name])
        for name in names
    }
    total = len(ours) or 1
    weighted = (
        sum(getattr(counts, figure) * support[name] for name, counts in by_label.items()) / total
        for figure in ("precision", "recall", "f1")
    )
    return LabelLevelReport(
        by_label, Rates.mean(by_label.values()), Rates(*weighted), sum(right.values()) / total
    )


def _flat(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], merge_bi: bool
) -> list[list[str]]:
    if list(map(len, gold)) != list(map(len, predicted)):
        raise InputError(
            "gold and predicted labels differ in the number or length of their sequences; give one "
            "label a token on both sides"
        )
    sides = [[label for sequence in side for label in sequence] for side in (gold, predicted)]
    return [[_merged(label) for label in side] for side in sides] if merge_bi else sides


def _merged(label: str) -> str:
    return label[2:] if label[:2] in ("B-", "I-") else label
