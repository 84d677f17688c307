"""Verdicts on single mentions and relations agree with the strict and lenient scores."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jnrf.report.compare import STATUSES, compare
from jnrf.scoring.n2c2 import score
from jnrf_ext.documents.document import Document, Mention, Relation


def document(*spans, relations=()):
    """A document of (type, start, end) mentions T0, T1, ... and (type, head, tail) relations."""
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans)]
    links = [Relation(f"R{n}", t, f"T{h}", f"T{a}") for n, (t, h, a) in enumerate(relations)]
    return Document("note", "", mentions, links)


def verdicts(items):
    return [(v.status, v.gold and v.gold.type, v.predicted and v.predicted.type) for v in items]


def test_each_kind_of_mistake_has_its_status():
    gold = document(("Drug", 0, 5), ("ADE", 10, 15), ("ADE", 20, 25), ("Route", 30, 35))
    predicted = document(("Drug", 0, 5), ("ADE", 12, 18), ("Reason", 20, 25), ("Form", 40, 45))
    assert verdicts(compare(gold, predicted).mentions) == [
        ("correct", "Drug", "Drug"),
        ("span", "ADE", "ADE"),
        ("type", "ADE", "Reason"),
        ("missed", "Route", None),
        ("spurious", None, "Form"),
    ]


def test_a_wrong_mention_is_shown_against_gold_of_its_own_type_first():
    gold = document(("ADE", 0, 10), ("Drug", 8, 12))
    predicted = document(("Drug", 0, 10))
    assert verdicts(compare(gold, predicted).mentions) == [
        ("span", "Drug", "Drug"),
        ("missed", "ADE", None),
    ]


def test_repeated_mentions_pair_one_to_one():
    gold = document(("Drug", 0, 5), ("Drug", 0, 5))
    assert verdicts(compare(gold, document(("Drug", 0, 5))).mentions) == [
        ("correct", "Drug", "Drug"),
        ("missed", "Drug", None),
    ]


SPANS = (("ADE", 0, 5), ("Drug", 10, 15), ("Drug", 20, 25))


def relation_statuses(gold_links, links, spans=SPANS):
    gold, predicted = document(*SPANS, relations=gold_links), document(*spans, relations=links)
    return [v.status for v in compare(gold, predicted).relations]


def test_relations_are_correct_missed_or_spurious():
    assert relation_statuses([("A", 0, 1)], [("A", 0, 1)]) == ["correct"]
    assert relation_statuses([("A", 0, 1)], []) == ["missed"]
    assert relation_statuses([], [("A", 0, 1)]) == ["spurious"]


def test_a_relation_of_another_type_between_the_same_mentions_is_one_mistake():
    assert relation_statuses([("A", 0, 1)], [("B", 0, 1)]) == ["type"]


def test_a_relation_the_wrong_way_round_is_two_mistakes():
    assert sorted(relation_statuses([("A", 0, 1)], [("A", 1, 0)])) == ["missed", "spurious"]


def test_a_relation_has_the_worse_status_of_its_arguments():
    longer = (("ADE", 0, 6), *SPANS[1:])
    other = (("Reason", 0, 5), *SPANS[1:])
    assert relation_statuses([("A", 0, 1)], [("A", 0, 1)], longer) == ["span"]
    assert relation_statuses([("A", 0, 1)], [("A", 0, 1)], other) == ["type"]


def test_relations_to_unknown_mentions_are_left_out():
    bad = Document("note", "", [], [Relation("R1", "A", "T8", "T9")])
    assert compare(bad, bad).relations == []


spans = st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 15), st.integers(1, 5))
documents = st.lists(spans, max_size=8).map(lambda s: document(*((t, a, a + n) for t, a, n in s)))


@given(documents, documents)
def test_every_mention_stands_once_and_correct_ones_are_the_strict_true_positives(gold, predicted):
    result = compare(gold, predicted).mentions
    assert sorted(v.gold.id for v in result if v.gold) == sorted(m.id for m in gold.mentions)
    assert sorted(v.predicted.id for v in result if v.predicted) == sorted(
        m.id for m in predicted.mentions
    )
    assert {v.status for v in result} <= set(STATUSES)
    scores = score([gold], [predicted])
    right = sum(v.status == "correct" for v in result)
    assert right == scores.mentions["strict"].micro.tp
    lenient = right + sum(v.status == "span" for v in result)
    assert lenient <= scores.mentions["lenient"].micro.tp
