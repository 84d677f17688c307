"""Counting equal items, document by document: what entity and relation scores have in common."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from jnrf.scoring.scores import Counts, TypeScores
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

#: (type, what else has to be equal)
Item = tuple[str, Hashable]


def count_equal(
    gold: Sequence[Collection[Item]], predicted: Sequence[Collection[Item]]
) -> TypeScores:
    """:class:`TypeScores` of items that are right when gold has the same item at the same place.

    ``gold[i]`` and ``predicted[i]`` belong to one sentence or document; of equal items of one
    place just one counts. Types are those of either side, sorted.
    """
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} gold and {len(predicted)} predicted sequences; give one for each"
        )
    tallies: dict[str, list[int]] = {}
    for ours, theirs in zip(map(set, gold), map(set, predicted), strict=True):
        for place, items in enumerate((ours & theirs, theirs - ours, ours - theirs)):
            for item in items:
                tallies.setdefault(item[0], [0, 0, 0])[place] += 1
    return TypeScores.from_types({name: Counts(*tallies[name]) for name in sorted(tallies)})


def paired(
    gold: Sequence[Document], predicted: Sequence[Document]
) -> list[tuple[Document, Document]]:
    """Each gold document with its prediction by id; an empty one where there is none.

    Raises :class:`InputError` for two documents with one id, and a prediction without gold.
    """
    sides = []
    for name, documents in (("gold", gold), ("predicted", predicted)):
        side: dict[str, Document] = {}
        for document in documents:
            if side.setdefault(document.id, document) is not document:
                raise InputError(f"two {name} documents have the id {document.id}; rename one")
        sides.append(side)
    by_id, found = sides
    for id in found:
        if id not in by_id:
            raise InputError(f"the prediction {id} has no gold document; score it without")
    return [(document, found.get(id, Document(id, ""))) for id, document in by_id.items()]
