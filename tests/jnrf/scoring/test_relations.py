"""Strict relation scores with and without the arguments' types, and means over folds."""

from __future__ import annotations

import pytest

from jnrf.scoring import relations
from jnrf.scoring.scores import Counts, TypeScores
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


def document(*arguments, type="Lives_In", swap=False):
    """A document of two mentions, given as (type, start, end), and a relation from T1 to T2."""
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(arguments, 1)]
    ends = ("T2", "T1") if swap else ("T1", "T2")
    return Document("d", "", mentions, [Relation("R1", type, *ends)])


GOLD = document(("Peop", 0, 4), ("Loc", 8, 12))


def right(predicted, **settings):
    return relations.score([GOLD], [predicted], **settings).micro.tp == 1


def test_a_copy_is_right():
    assert right(GOLD)
    assert right(GOLD, entity_types=False)


def test_a_wrong_entity_type_is_wrong_unless_only_boundaries_count():
    other = document(("Org", 0, 4), ("Loc", 8, 12))
    assert not right(other)
    assert right(other, entity_types=False)


def test_boundaries_relation_type_and_direction_always_count():
    for other in (
        document(("Peop", 0, 5), ("Loc", 8, 12)),
        document(("Peop", 0, 4), ("Loc", 8, 12), type="Work_For"),
        document(("Peop", 0, 4), ("Loc", 8, 12), swap=True),
    ):
        assert not right(other)
        assert not right(other, entity_types=False)


def test_equal_relations_of_a_document_count_once():
    twice = document(("Peop", 0, 4), ("Loc", 8, 12))
    twice.relations.append(Relation("R2", "Lives_In", "T1", "T2"))
    assert relations.score([GOLD], [twice]).micro == Counts(1, 0, 0)


def test_an_unknown_argument_is_an_error():
    bad = Document("d", "", [], [Relation("R1", "Lives_In", "T1", "T2")])
    with pytest.raises(InputError, match="document d: a relation names T1"):
        relations.score([GOLD], [bad])


def test_folds_are_averaged_by_their_own_scores():
    folds = [
        TypeScores.from_types({"A": Counts(1, 0, 0), "B": Counts(0, 1, 1)}),
        TypeScores.from_types({"A": Counts(1, 1, 1), "B": Counts(1, 0, 0)}),
    ]
    result = relations.over_folds(folds)
    assert result.folds == 2
    assert result.micro.f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert result.macro_types.f1 == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert result.macro_types_deviation.f1 == pytest.approx(0.25 / 2**0.5)


def test_one_fold_has_no_deviation_and_none_is_an_error():
    result = relations.over_folds([TypeScores.from_types({"A": Counts(1, 1, 0)})])
    assert result.micro.precision == 0.5
    assert result.micro_deviation.precision == 0.0
    with pytest.raises(InputError, match="no folds"):
        relations.over_folds([])
