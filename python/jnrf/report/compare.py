"""What a prediction got right and wrong in a document, item by item, for people to look at.

Statuses, of mentions and relations alike:

- ``correct``: as gold has it, by strict rules (types, and hulls of the spans, are equal);
- ``span``: right but for the boundaries (of an argument): what lenient scores count as right;
- ``type``: at a gold item's place with another type (for relations also: an argument's);
- ``missed``: gold only; ``spurious``: predicted only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from jnrf_ext.documents.document import Document, Mention, Relation

STATUSES = ("correct", "span", "type", "missed", "spurious")


@dataclass(slots=True)
class MentionVerdict:
    """A gold mention, a predicted one, or the two that stand for each other."""

    status: str
    gold: Mention | None = None
    predicted: Mention | None = None


@dataclass(slots=True)
class RelationVerdict:
    """The same of relations; ``head`` and ``tail`` are rows of the mentions' verdicts."""

    status: str
    head: int
    tail: int
    gold: Relation | None = None
    predicted: Relation | None = None


@dataclass(slots=True)
class Comparison:
    """The verdicts on a document, mentions in text order."""

    mentions: list[MentionVerdict]
    relations: list[RelationVerdict]


def compare(gold: Document, predicted: Document) -> Comparison:
    """Every mention and relation of both sides, once each, with its verdict.

    Pairing serves reading, not scoring: a wrong mention is shown against the free gold mention that
    it shares most with, one of its own type before all others. Relations whose arguments are no
    mentions of their document are left out.
    """
    mentions = _compare_mentions(gold.mentions, predicted.mentions)
    return Comparison(mentions, _compare_relations(gold, predicted, mentions))


def _compare_mentions(gold: list[Mention], predicted: list[Mention]) -> list[MentionVerdict]:
    free: dict[tuple, list[Mention]] = defaultdict(list)
    for mention in reversed(gold):
        free[mention.type, mention.start, mention.end].append(mention)
    verdicts, wrong = [], []
    for mention in predicted:
        same = free[mention.type, mention.start, mention.end]
        if same:
            verdicts.append(MentionVerdict("correct", same.pop(), mention))
        else:
            wrong.append(mention)
    missed = sorted((m for rest in free.values() for m in rest), key=lambda m: m.start)

    wrong.sort(key=lambda m: m.start)
    starts = [m.start for m in wrong]
    longest = max((m.end - m.start for m in wrong), default=0)
    candidates = []
    for g, wanted in enumerate(missed):
        first, last = bisect_left(starts, wanted.start - longest), bisect_left(starts, wanted.end)
        for p in range(first, last):
            found = wrong[p]
            shared = min(wanted.end, found.end) - max(wanted.start, found.start)
            if shared > 0:
                candidates.append((wanted.type != found.type, -shared, g, p))
    gold_taken, taken = set(), set()
    for other_type, _, g, p in sorted(candidates):
        if g not in gold_taken and p not in taken:
            gold_taken.add(g)
            taken.add(p)
            status = "type" if other_type else "span"
            verdicts.append(MentionVerdict(status, missed[g], wrong[p]))
    verdicts += [
        MentionVerdict("missed", m, None) for g, m in enumerate(missed) if g not in gold_taken
    ]
    verdicts += [MentionVerdict("spurious", None, m) for p, m in enumerate(wrong) if p not in taken]
    return sorted(verdicts, key=_position)


def _position(verdict: MentionVerdict) -> tuple[int, int]:
    sides = [m for m in (verdict.gold, verdict.predicted) if m is not None]
    return min(m.start for m in sides), min(m.end for m in sides)


def _compare_relations(
    gold: Document, predicted: Document, mentions: list[MentionVerdict]
) -> list[RelationVerdict]:
    gold_row = {v.gold.id: row for row, v in enumerate(mentions) if v.gold}
    row = {v.predicted.id: row for row, v in enumerate(mentions) if v.predicted}
    free: dict[tuple[int, int], list[Relation]] = defaultdict(list)
    for relation in gold.relations:
        if relation.head in gold_row and relation.tail in gold_row:
            free[gold_row[relation.head], gold_row[relation.tail]].append(relation)

    status: str
    verdicts, wrong = [], []
    for relation in predicted.relations:
        if relation.head not in row or relation.tail not in row:
            continue
        pair = row[relation.head], row[relation.tail]
        same = next((r for r in free[pair] if r.type == relation.type), None)
        if same is None:
            wrong.append((pair, relation))
        else:
            free[pair].remove(same)
            arguments = {mentions[argument].status for argument in pair}
            status = next(s for s in ("type", "span", "correct") if s in arguments)
            verdicts.append(RelationVerdict(status, *pair, same, relation))
    for pair, relation in wrong:
        other = free[pair].pop(0) if free[pair] else None
        status = "type" if other else "spurious"
        verdicts.append(RelationVerdict(status, *pair, other, relation))
    for pair, rest in free.items():
        verdicts += [RelationVerdict("missed", *pair, relation, None) for relation in rest]
    return sorted(verdicts, key=lambda v: (min(v.head, v.tail), max(v.head, v.tail)))
