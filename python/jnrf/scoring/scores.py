"""What a scorer hands back: counts, rates, and their aggregates over documents and types."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall and F1, each in [0, 1]."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def mean(cls, rates: Iterable[Rates | Counts]) -> Rates:
        """The mean of each figure by itself (so F1 is the mean of the F1s); 0 of nothing."""
        rows = [(r.precision, r.recall, r.f1) for r in rates]
        if not rows:
            return cls(0.0, 0.0, 0.0)
        return cls(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives; a ratio of nothing is 0."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * (self.precision * self.recall) / total if total else 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    def to_dict(self) -> dict:
        """Plain JSON types: the counts and what follows from them."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
        }


@dataclass(frozen=True, slots=True)
class Level:
    """The scores of one task (mentions or relations) by one way of matching.

    ``micro`` sums over documents, ``macro`` is the mean over documents, ``macro_types`` the mean
    over types (None where the rules followed do not know it). ``by_type`` has every type that the
    gold or the prediction uses.
    """

    micro: Counts
    macro: Rates
    by_type: dict[str, Counts]
    macro_types: Rates | None = None

    def to_dict(self) -> dict:
        """Plain JSON types."""
        result = {"micro": self.micro.to_dict(), "macro": self.macro.to_dict()}
        if self.macro_types is not None:
            result["macro_types"] = self.macro_types.to_dict()
        result["by_type"] = {name: counts.to_dict() for name, counts in self.by_type.items()}
        return result


@dataclass(frozen=True, slots=True)
class TypeScores:
    """Scores summed over a corpus and by type: ``macro_types`` is the mean over the types."""

    micro: Counts
    macro_types: Rates
    by_type: dict[str, Counts]

    @classmethod
    def from_types(cls, by_type: dict[str, Counts]) -> TypeScores:
        """Both aggregates of the counts of each type."""
        return cls(sum(by_type.values(), Counts()), Rates.mean(by_type.values()), by_type)

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {
            "micro": self.micro.to_dict(),
            "macro_types": self.macro_types.to_dict(),
            "by_type": {name: counts.to_dict() for name, counts in self.by_type.items()},
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a prediction: ``scores.relations["lenient"].micro.f1`` is n2c2's headline.

    ``skipped_gold`` and ``skipped_predicted`` name the documents that stand on one side only and
    were left out; ``missing`` those whose prediction is missing and whose gold was counted as not
    found.
    """

    mode: str
    documents: int
    mentions: dict[str, Level]
    relations: dict[str, Level]
    skipped_gold: list[str] = field(default_factory=list)
    skipped_predicted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {
            "mode": self.mode,
            "documents": self.documents,
            "skipped_gold": self.skipped_gold,
            "skipped_predicted": self.skipped_predicted,
            "missing": self.missing,
            "mentions": {name: level.to_dict() for name, level in self.mentions.items()},
            "relations": {name: level.to_dict() for name, level in self.relations.items()},
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
