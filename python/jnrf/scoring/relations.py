"""Strict relation scores as the ADE and CoNLL04 literature has them (SpERT, Eberts and Ulges 2020).

A relation is right when its type, its direction and both of its arguments are. An argument is right
when its boundaries are, and, in the stricter of the two conventions, its entity type too.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jnrf.scoring.items import Item, count_equal, paired
from jnrf.scoring.scores import Rates, TypeScores
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.shown import named, shown


def score(
    gold: Sequence[Document], predicted: Sequence[Document], entity_types: bool = True
) -> TypeScores:
    """Scores of documents' relations, which correspond by id.

    ``entity_types`` false is the convention "boundaries only": arguments' types may be wrong, the
    relation's may not. Equal relations of one document count once.
    """
    pairs = paired(gold, predicted)
    return count_equal(
        [_items(document, entity_types) for document, _ in pairs],
        [_items(document, entity_types) for _, document in pairs],
    )


def _items(document: Document, entity_types: bool) -> list[Item]:
    arguments = {
        m.id: (m.type, m.fragments) if entity_types else m.fragments for m in document.mentions
    }
    try:
        return [(r.type, (arguments[r.head], arguments[r.tail])) for r in document.relations]
    except KeyError as error:
        raise InputError(
            f"document {shown(document.id)}: a relation names {named(error.args[0])}, which is no "
            f"mention of it; add the mention or drop the relation"
        ) from None


@dataclass(frozen=True, slots=True)
class FoldScores:
    """Means over folds, and the standard deviations (n - 1; 0 of a single fold) beside them."""

    folds: int
    micro: Rates
    macro_types: Rates
    micro_deviation: Rates
    macro_types_deviation: Rates

    def to_dict(self) -> dict:
        """Plain JSON types."""
        return {
            "folds": self.folds,
            "micro": self.micro.to_dict(),
            "macro_types": self.macro_types.to_dict(),
            "micro_deviation": self.micro_deviation.to_dict(),
            "macro_types_deviation": self.macro_types_deviation.to_dict(),
        }


def over_folds(folds: Sequence[TypeScores]) -> FoldScores:
    """The means of each fold's own scores: what ADE is reported by, over its ten folds."""
    if not folds:
        raise InputError("no folds to average; score at least one")
    micro = [fold.micro for fold in folds]
    macro = [fold.macro_types for fold in folds]
    return FoldScores(
        len(folds), Rates.mean(micro), Rates.mean(macro), _deviation(micro), _deviation(macro)
    )


def _deviation(rates: Sequence) -> Rates:
    def of(figure: Callable) -> float:
        return statistics.stdev(map(figure, rates)) if len(rates) > 1 else 0.0

    return Rates(of(lambda r: r.precision), of(lambda r: r.recall), of(lambda r: r.f1))
