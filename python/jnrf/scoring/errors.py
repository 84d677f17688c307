"""Errors by cause: what is behind the strict scores, and what mending each cause would bring.

The scores are the strict ones of :mod:`jnrf.scoring.n2c2` in corrected mode. A gold item that is
not found, and a predicted one that is not right, is an error, and each error has exactly one cause:
the first of ``MENTION_CAUSES`` or ``RELATION_CAUSES`` that fits. Therefore, in either task, right
items and errors add up to the gold and to the predicted items.

An error is judged by the errors of the other side alone: what is right already stands for another
item. "Overlapping" is what lenient scores ask of spans, one shared character at least.

F1 of a mended cause is the strict micro F1 if its errors, and no others, were put right: its gold
items predicted exactly, and its predicted items gone. With ``g`` and ``p`` of them, TP + g, FP - p
and FN - g. The gains of two causes do not add up to that of both.

F1 of the relations, for a mended cause of mentions, is the most that this can bring them: the same
with the relation errors in the place of ``g`` and ``p`` whose cause lies with their mentions
(``CAUSES_OF_MENTIONS``), and that have a mention of this cause and none of another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from jnrf.scoring.columns import Annotations, Codes, Columns, argument_rows, columns
from jnrf.scoring.matching import Matching
from jnrf.scoring.n2c2 import annotations_by_id, corrected
from jnrf.scoring.places import ACROSS, DISTANCES, place
from jnrf.scoring.scores import Counts
from jnrf_ext.documents.document import Document


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause's name in tables, and what it means in a sentence."""

    label: str
    meaning: str


#: Causes of mentions by key, in the order in which they are asked for.
MENTION_CAUSES = {
    "boundaries": Cause(
        "boundaries", "the type is right, the span overlaps, but its start or end is wrong"
    ),
    "type": Cause("type", "start and end are right, the type is wrong"),
    "boundaries_and_type": Cause(
        "boundaries and type", "the span overlaps; start or end are wrong, and so is the type"
    ),
    "missed": Cause("missed", "in the gold, and nothing was predicted for it"),
    "spurious": Cause("spurious", "predicted where the gold has nothing for it"),
}
#: Causes of relations by key, in the order in which they are asked for.
RELATION_CAUSES = {
    "boundaries": Cause(
        "boundaries of a mention", "all is right but the start or end of one or both mentions"
    ),
    "relation_type": Cause(
        "type of the relation",
        "head and tail overlap the right ones and have their types; the relation's type is wrong",
    ),
    "mention_type": Cause(
        "type of a mention",
        "head and tail overlap the right ones, and the type of one or both is wrong (the "
        "relation's type may be wrong with it)",
    ),
    "direction": Cause("direction", "the right two mentions, with head and tail swapped"),
    "mention_missed": Cause(
        "missed with a mention", "not predicted, and its head or tail was missed too"
    ),
    "pair_missed_inexact": Cause(
        "missed, mentions inexact",
        "not predicted; its mentions were, but the boundaries or type of one or both are wrong",
    ),
    "pair_missed": Cause(
        "missed, mentions right", "not predicted, though both of its mentions were, exactly"
    ),
    "mention_spurious": Cause(
        "spurious with a mention", "predicted, and its head or tail is spurious"
    ),
    "pair_spurious_inexact": Cause(
        "spurious, mentions inexact",
        "predicted where the gold has none; the boundaries or type of one or both mentions are "
        "wrong",
    ),
    "pair_spurious": Cause(
        "spurious, mentions right", "predicted between two right mentions that gold does not join"
    ),
}

#: Causes of relations that may be gone where mentions are put right.
CAUSES_OF_MENTIONS = (
    "boundaries",
    "mention_type",
    "mention_missed",
    "pair_missed_inexact",
    "mention_spurious",
    "pair_spurious_inexact",
)

#: In the place of a cause's number: no error; an error that has no cause so far.
_RIGHT, _OPEN = -1, -2


@dataclass(frozen=True, slots=True)
class CauseErrors:
    """The errors of one cause.

    ``gold`` counts gold items that were not found, ``predicted`` predicted ones that are not right;
    ``across_sentences`` those of both that reach over the end of a sentence: mentions by
    themselves, relations from head to tail. ``share`` is that of all errors of the task.
    ``f1_if_mended`` is the strict micro F1 if these errors alone were put right;
    ``relations_f1_if_mended`` the most that F1 of the relations would be then, None for causes of
    relations.
    """

    gold: int
    predicted: int
    across_sentences: int
    share: float
    f1_if_mended: float
    relations_f1_if_mended: float | None = None

    def to_dict(self) -> dict:
        """Plain JSON types; without the F1 of relations where it is None."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v is not None}


@dataclass(frozen=True, slots=True)
class Example:
    """An error: a mention or relation by its row in its list of a gold or a predicted document."""

    document: str
    predicted: bool
    row: int


@dataclass(frozen=True, slots=True)
class TaskErrors:
    """The strict micro counts of mentions or relations, and the errors of every cause by key.

    ``examples`` has a few errors a cause where they were asked for.
    """

    micro: Counts
    causes: dict[str, CauseErrors]
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def to_dict(self) -> dict:
        """Plain JSON types, without the examples."""
        causes = {key: errors.to_dict() for key, errors in self.causes.items()}
        return {"micro": self.micro.to_dict(), "causes": causes}


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """The errors of both tasks, and the strict counts of relations by their distance.

    ``by_distance`` has a key for each of :data:`jnrf.scoring.places.DISTANCES`.
    """

    documents: int
    mentions: TaskErrors
    relations: TaskErrors
    by_distance: dict[str, Counts]

    def to_dict(self) -> dict:
        """Plain JSON types, with nothing of the texts."""
        return {
            "documents": self.documents,
            "mentions": self.mentions.to_dict(),
            "relations": self.relations.to_dict(),
            "relations_by_distance": {
                name: counts.to_dict() for name, counts in self.by_distance.items()
            },
        }


def analyse(
    gold: Sequence[Document], predicted: Sequence[Document], examples: int = 0
) -> ErrorAnalysis:
    """The errors of predicted documents by cause; documents correspond by id.

    The mentions and relations of a gold document without a prediction are missed; a prediction
    without gold is left out. Sentences and distances are those of the gold's text. ``examples`` is
    the most that are kept a cause. Raises :class:`~jnrf_ext.errors.InputError` as
    :func:`jnrf.scoring.n2c2.score` does, but for no ids in common.
    """
    by_id = [annotations_by_id("gold", gold), annotations_by_id("predicted", predicted)]
    names = sorted(by_id[0])
    corpora = [[side.get(name) or Annotations(name) for name in names] for side in by_id]
    codes = Codes()
    sides = [columns(corpus, codes) for corpus in corpora]
    texts = {document.id: document.text for document in gold}
    mentions, relations = ([side[kind] for side in sides] for kind in ("mentions", "relations"))
    crosses, bins = place([texts[name] for name in names], mentions, relations)
    mention_causes = _mention_causes(*mentions)
    relation_causes = _relation_causes(*relations)
    arguments = [argument_rows(corpus) for corpus in corpora]
    _causes_of_open_pairs(relation_causes, mention_causes, mentions, arguments)
    summaries = []
    for items, causes, table, across in (
        (mentions, mention_causes, MENTION_CAUSES, crosses),
        (relations, relation_causes, RELATION_CAUSES, [side == ACROSS for side in bins]),
    ):
        shown = _examples(causes, items, names, list(table), examples) if examples else {}
        summaries.append(_task(causes, across, list(table), shown))
    most = _relations_f1(relation_causes, mention_causes, arguments, summaries[1].micro)
    for key, errors in summaries[0].causes.items():
        summaries[0].causes[key] = dataclasses.replace(errors, relations_f1_if_mended=most[key])
    of_mentions, of_relations = summaries
    by_distance = _by_distance(relation_causes, bins)
    return ErrorAnalysis(len(names), of_mentions, of_relations, by_distance)


def _mention_causes(gold: Columns, system: Columns) -> list[np.ndarray]:
    """For either side a cause's number for each mention, or ``_RIGHT``; int64 [n] each."""
    causes = _Causes(gold, system, list(MENTION_CAUSES))
    causes.assign("boundaries", lenient=True)
    causes.assign("type", lenient=False, types=False, mention_types=False)
    causes.assign("boundaries_and_type", lenient=True, types=False, mention_types=False)
    for side, cause in ((0, "missed"), (1, "spurious")):
        causes.assign_rest(side, cause)
    return causes.numbers


def _relation_causes(gold: Columns, system: Columns) -> list[np.ndarray]:
    """The same of relations; those that no relation of the other side overlaps have ``_OPEN``."""
    causes = _Causes(gold, system, list(RELATION_CAUSES))
    causes.assign("boundaries", lenient=True)
    causes.assign("relation_type", lenient=True, types=False)
    causes.assign("mention_type", lenient=True, types=False, mention_types=False)
    causes.assign("direction", lenient=True, types=False, mention_types=False, swapped=True)
    return causes.numbers


class _Causes:
    """The causes of the errors of a gold and a system side, given one after the other.

    ``numbers`` has an array for each side, int64 [n]: numbers of ``keys``, ``_RIGHT`` or ``_OPEN``.
    """

    def __init__(self, gold: Columns, system: Columns, keys: list[str]) -> None:
        self._keys = keys
        right = corrected(system, gold, False)[1], corrected(gold, system, False)[1]
        self.numbers = [np.where(mask, _RIGHT, _OPEN) for mask in right]
        self._rows = [np.flatnonzero(~mask) for mask in right]
        self._errors = [_rows_of(s, r) for s, r in zip((gold, system), self._rows, strict=True)]

    def assign(
        self,
        cause: str,
        lenient: bool,
        types: bool = True,
        mention_types: bool = True,
        swapped: bool = False,
    ) -> None:
        """Give a cause to the errors without one that match some error of the other side.

        ``types`` and ``mention_types`` tell whether those of the items, and of their spans, have to
        be equal; ``swapped`` matches heads with tails.
        """
        gold, system = (_blurred(side, types, mention_types) for side in self._errors)
        if swapped:
            system = dataclasses.replace(system, spans=system.spans[::-1])
        for side, masks in enumerate((_met(system, gold, lenient), _met(gold, system, lenient))):
            rows = self._rows[side][masks]
            rows = rows[self.numbers[side][rows] == _OPEN]
            self.numbers[side][rows] = self._keys.index(cause)

    def assign_rest(self, side: int, cause: str) -> None:
        """Give a cause to all errors of a side that have none."""
        self.numbers[side][self.numbers[side] == _OPEN] = self._keys.index(cause)


def _rows_of(side: Columns, rows: np.ndarray) -> Columns:
    """Some items. A span of no length counts as one of one character, so that it meets itself."""
    spans = [
        (type[rows], start[rows], np.maximum(end, start + 1)[rows])
        for type, start, end in side.spans
    ]
    return Columns(side.doc[rows], side.type[rows], side.ident[rows], side.unique_ids, spans)


def _blurred(side: Columns, types: bool, mention_types: bool) -> Columns:
    """The items with one type for all where types do not count."""
    none = np.zeros_like(side.type)
    spans = [(type if mention_types else none, start, end) for type, start, end in side.spans]
    return dataclasses.replace(side, type=side.type if types else none, spans=spans)


def _met(gold: Columns, system: Columns, lenient: bool) -> np.ndarray:
    """Which system items match some gold item, bool [n]."""
    matching = Matching(gold, system, lenient)
    met = matching.gold_sizes[matching.system] > 0
    for component in matching.partial():
        met[component.system] = [matches != 0 for matches in component.adjacency]
    return met


def _causes_of_open_pairs(
    relation_causes: list[np.ndarray],
    mention_causes: list[np.ndarray],
    mentions: list[Columns],
    arguments: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Give the relations that nothing stands for the cause that their mentions are.

    ``arguments`` are rows of the heads and tails. A mention is exact where the other side has an
    equal one, be that paired with a copy of it.
    """
    gold, system = mentions
    exact = _met(system, gold, False), _met(gold, system, False)
    keys, mention_keys = list(RELATION_CAUSES), list(MENTION_CAUSES)
    for side, kind in enumerate(("missed", "spurious")):
        alone = (mention_causes[side] == mention_keys.index(kind)) & ~exact[side]
        head, tail = arguments[side]
        cause = np.where(
            alone[head] | alone[tail],
            keys.index(f"mention_{kind}"),
            np.where(
                exact[side][head] & exact[side][tail],
                keys.index(f"pair_{kind}"),
                keys.index(f"pair_{kind}_inexact"),
            ),
        )
        unset = relation_causes[side] == _OPEN
        relation_causes[side][unset] = cause[unset]


def _relations_f1(
    relation_causes: list[np.ndarray],
    mention_causes: list[np.ndarray],
    arguments: list[tuple[np.ndarray, np.ndarray]],
    micro: Counts,
) -> dict[str, float]:
    """For each cause of mentions the F1 that relations have at most where it is mended."""
    numbers = [list(RELATION_CAUSES).index(key) for key in CAUSES_OF_MENTIONS]
    result = {}
    for cause, key in enumerate(MENTION_CAUSES):
        freed = []
        for relations, mentions, rows in zip(
            relation_causes, mention_causes, arguments, strict=True
        ):
            head, tail = (mentions[side] for side in rows)
            free = ((head == cause) | (head == _RIGHT)) & ((tail == cause) | (tail == _RIGHT))
            free &= (head == cause) | (tail == cause)
            freed.append(int((free & np.isin(relations, numbers)).sum()))
        gold, predicted = freed
        result[key] = Counts(micro.tp + gold, micro.fp - predicted, micro.fn - gold).f1
    return result


def _task(
    causes: list[np.ndarray],
    across: list[np.ndarray],
    keys: list[str],
    examples: dict[str, list[Example]],
) -> TaskErrors:
    gold, predicted, far = (
        np.bincount(numbers[numbers >= 0], minlength=len(keys)).tolist()
        for numbers in (
            *causes,
            np.concatenate([c[a] for c, a in zip(causes, across, strict=True)]),
        )
    )
    tp = int((causes[0] == _RIGHT).sum())
    micro = Counts(tp, sum(predicted), sum(gold))
    rows = {
        key: CauseErrors(
            gold=g,
            predicted=p,
            across_sentences=a,
            share=(g + p) / (micro.fp + micro.fn) if g + p else 0.0,
            f1_if_mended=Counts(tp + g, micro.fp - p, micro.fn - g).f1,
        )
        for key, g, p, a in zip(keys, gold, predicted, far, strict=True)
    }
    return TaskErrors(micro, rows, examples)


def _examples(
    causes: list[np.ndarray], items: list[Columns], names: list[str], keys: list[str], most: int
) -> dict[str, list[Example]]:
    """At most ``most`` errors a cause, spread over the corpus: gold ones where there are any."""
    result = {}
    for number, key in enumerate(keys):
        for predicted, (numbers, side) in enumerate(zip(causes, items, strict=True)):
            rows = np.flatnonzero(numbers == number)
            if not len(rows):
                continue
            places = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)
            documents = side.doc[rows[places]]
            first = np.searchsorted(side.doc, documents)
            result[key] = [
                Example(names[document], bool(predicted), row)
                for document, row in zip(
                    documents.tolist(), (rows[places] - first).tolist(), strict=True
                )
            ]
            break
    return result


def _by_distance(causes: list[np.ndarray], bins: list[np.ndarray]) -> dict[str, Counts]:
    size = len(DISTANCES)
    tp, fn, fp = (
        np.bincount(bins[side][mask], minlength=size).tolist()
        for side, mask in ((0, causes[0] == _RIGHT), (0, causes[0] >= 0), (1, causes[1] >= 0))
    )
    return {name: Counts(tp[n], fp[n], fn[n]) for n, name in enumerate(DISTANCES)}
