"""Every error has one cause, which is the one that its definition says, and mending it pays so."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jnrf.scoring.errors import MENTION_CAUSES, RELATION_CAUSES, analyse
from jnrf.scoring.n2c2 import score
from jnrf.scoring.places import DISTANCES
from jnrf.scoring.scores import Counts
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError

TEXT = "Rash from aspirin. He took warfarin daily, and bled. "


def document(*spans, relations=(), id="note", text=""):
    """A document of (type, start, end) mentions T0, T1, ... and (type, head, tail) relations."""
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans)]
    links = [Relation(f"R{n}", t, f"T{h}", f"T{a}") for n, (t, h, a) in enumerate(relations)]
    return Document(id, text, mentions, links)


def counted(errors):
    """{cause: (gold, predicted)} of the causes that there are."""
    return {key: (c.gold, c.predicted) for key, c in errors.causes.items() if c.gold or c.predicted}


def mention_causes(gold, predicted):
    return counted(analyse([document(*gold)], [document(*predicted)]).mentions)


# ------------------------------------------------------------------ causes of mentions


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([("Drug", 0, 5)], [("Drug", 0, 5)], {}),
        ([("Drug", 0, 5)], [("Drug", 4, 9)], {"boundaries": (1, 1)}),
        ([("Drug", 0, 5)], [("ADE", 0, 5)], {"type": (1, 1)}),
        ([("Drug", 0, 5)], [("ADE", 0, 6)], {"boundaries_and_type": (1, 1)}),
        ([("Drug", 0, 5)], [("Drug", 5, 9)], {"missed": (1, 0), "spurious": (0, 1)}),
        ([("Drug", 0, 9)], [("Drug", 0, 4), ("Drug", 5, 9)], {"boundaries": (1, 2)}),
        # The first cause of the list counts, on each side by itself.
        ([("Drug", 0, 5)], [("ADE", 0, 5), ("Drug", 3, 8)], {"boundaries": (1, 1), "type": (0, 1)}),
        # What is right stands for nothing else, be it a copy or a longer mention.
        ([("Drug", 0, 5)], [("Drug", 0, 5)] * 2, {"spurious": (0, 1)}),
        ([("Drug", 0, 5), ("ADE", 0, 9)], [("Drug", 0, 5)], {"missed": (1, 0)}),
        # Spans of no length are at their place.
        ([("Drug", 3, 3)], [("ADE", 3, 3)], {"type": (1, 1)}),
    ],
)
def test_each_mention_has_the_cause_of_its_definition(gold, predicted, expected):
    assert mention_causes(gold, predicted) == expected


# ------------------------------------------------------------------ causes of relations

SPANS = (("ADE", 0, 4), ("Drug", 10, 17), ("Drug", 27, 35))


def relation_causes(links, predicted_links, spans=SPANS, gold_spans=SPANS):
    gold = document(*gold_spans, relations=links)
    return counted(analyse([gold], [document(*spans, relations=predicted_links)]).relations)


LONGER, OTHER = (("ADE", 0, 6), *SPANS[1:]), (("Reason", 0, 4), *SPANS[1:])


@pytest.mark.parametrize(
    ("predicted", "spans", "expected"),
    [
        ([("A", 0, 1)], SPANS, {}),
        ([("A", 0, 1)], LONGER, {"boundaries": (1, 1)}),
        ([("B", 0, 1)], SPANS, {"relation_type": (1, 1)}),
        ([("B", 0, 1)], LONGER, {"relation_type": (1, 1)}),
        ([("A", 0, 1)], OTHER, {"mention_type": (1, 1)}),
        ([("B", 0, 1)], OTHER, {"mention_type": (1, 1)}),
        ([("A", 1, 0)], SPANS, {"direction": (1, 1)}),
        ([], SPANS, {"pair_missed": (1, 0)}),
        ([], LONGER, {"pair_missed_inexact": (1, 0)}),
        ([], OTHER, {"pair_missed_inexact": (1, 0)}),
        ([], SPANS[1:], {"mention_missed": (1, 0)}),
        ([], SPANS[::2], {"mention_missed": (1, 0)}),
        ([("A", 0, 2)], SPANS, {"pair_missed": (1, 0), "pair_spurious": (0, 1)}),
        ([("A", 0, 2)], LONGER, {"pair_missed_inexact": (1, 0), "pair_spurious_inexact": (0, 1)}),
        (
            [("A", 3, 2)],
            (*SPANS, ("ADE", 40, 44)),
            {"pair_missed": (1, 0), "mention_spurious": (0, 1)},
        ),
        (
            [("A", 2, 3)],
            (*SPANS, ("ADE", 40, 44)),
            {"pair_missed": (1, 0), "mention_spurious": (0, 1)},
        ),
        # A right relation stands for nothing else: its reverse is spurious.
        ([("A", 0, 1), ("A", 1, 0)], SPANS, {"pair_spurious": (0, 1)}),
        # The first cause that fits
        ([("B", 0, 1), ("A", 1, 0)], SPANS, {"relation_type": (1, 1), "direction": (0, 1)}),
    ],
)
def test_each_relation_has_the_cause_of_its_definition(predicted, spans, expected):
    assert relation_causes([("A", 0, 1)], predicted, spans) == expected


def test_a_copy_of_a_mention_is_exact_for_its_relations():
    copies = (*SPANS, SPANS[0])
    assert relation_causes([("A", 3, 1)], [], SPANS, copies) == {"pair_missed": (1, 0)}
    assert mention_causes(copies, SPANS) == {"missed": (1, 0)}


# ------------------------------------------------------------------ what the rows add up to

spans = st.tuples(st.sampled_from(["Drug", "ADE", "X"]), st.integers(0, 12), st.integers(0, 5))
sizes = st.lists(spans.map(lambda s: (s[0], s[1], s[1] + s[2])), max_size=6)


@st.composite
def documents(draw, id="note", text=""):
    mentions = draw(sizes)
    row = st.integers(0, max(len(mentions) - 1, 0))
    links = st.lists(st.tuples(st.sampled_from("AB"), row, row), max_size=6 if mentions else 0)
    return document(*mentions, relations=draw(links), id=id, text=text)


text = st.text(st.sampled_from("aB.\n "), max_size=18)


@st.composite
def corpora(draw):
    """Gold and predicted documents: one without a prediction, perhaps one without gold."""
    texts = [draw(text) for _ in range(3)]
    gold = [draw(documents(str(n), t)) for n, t in enumerate(texts)]
    predicted = [draw(documents(str(n), t)) for n, t in enumerate(texts[:2])]
    if draw(st.booleans()):
        predicted.append(draw(documents("other")))
    return gold, predicted


@given(corpora())
def test_right_items_and_errors_add_up_to_the_strict_scores(corpus):
    scores, analysis = score(*corpus), analyse(*corpus)
    assert analysis.documents == scores.documents
    for task, causes in (("mentions", MENTION_CAUSES), ("relations", RELATION_CAUSES)):
        errors = getattr(analysis, task)
        assert errors.micro == getattr(scores, task)["strict"].micro
        assert list(errors.causes) == list(causes)
        rows = errors.causes.values()
        assert sum(row.gold for row in rows) == errors.micro.fn
        assert sum(row.predicted for row in rows) == errors.micro.fp
        assert all(0 <= row.across_sentences <= row.gold + row.predicted for row in rows)
        wrong = errors.micro.fn + errors.micro.fp
        assert sum(row.share for row in rows) == pytest.approx(1.0 if wrong else 0.0)
        for key, row in errors.causes.items():
            assert not (row.gold and "spurious" in key)
            assert not (row.predicted and "missed" in key)
            assert row.f1_if_mended >= errors.micro.f1
            most = row.relations_f1_if_mended
            assert most is None if task == "relations" else most >= analysis.relations.micro.f1
    assert list(analysis.by_distance) == list(DISTANCES)
    assert sum(analysis.by_distance.values(), Counts()) == analysis.relations.micro


@given(corpora())
def test_the_sides_swapped_have_the_causes_swapped(corpus):
    gold, predicted = corpus[0][:2], corpus[1][:2]
    one, other = analyse(gold, predicted), analyse(predicted, gold)
    for task in ("mentions", "relations"):
        for key, row in getattr(one, task).causes.items():
            renamed = key.replace("missed", "?").replace("spurious", "missed")
            twin = getattr(other, task).causes[renamed.replace("?", "spurious")]
            assert (row.gold, row.predicted) == (twin.predicted, twin.gold)


def overlap(a, b):
    """Spans share a character; those of no length count as one of one."""
    return a[1] < max(b[2], b[1] + 1) and b[1] < max(a[2], a[1] + 1)


def naive_relation_cause(item, others):
    """The first four causes as loops: ``item`` and ``others`` are (type, head, tail)."""
    kind, head, tail = item
    for cause, fits in (
        ("boundaries", lambda t, h, a: (t, h[0], a[0]) == (kind, head[0], tail[0])),
        ("relation_type", lambda t, h, a: (h[0], a[0]) == (head[0], tail[0])),
        ("mention_type", lambda t, h, a: True),
    ):
        for t, h, a in others:
            if overlap(h, head) and overlap(a, tail) and fits(t, h, a):
                return cause
    if any(overlap(h, tail) and overlap(a, head) for _, h, a in others):
        return "direction"
    return None


def naive_mention_cause(item, others):
    if any(o[0] == item[0] and overlap(o, item) for o in others):
        return "boundaries"
    if any((o[1], max(o[2], o[1] + 1)) == (item[1], max(item[2], item[1] + 1)) for o in others):
        return "type"
    return "boundaries_and_type" if any(overlap(o, item) for o in others) else None


def wrong_ones(items, others):
    """What is left of ``items`` when each equal one of ``others`` took one away; last ones stay."""
    left = list(others)
    wrong = []
    for item in items:
        if item in left:
            left.remove(item)
        else:
            wrong.append(item)
    return wrong


def tuples(document):
    mentions = [(m.type, m.start, m.end) for m in document.mentions]
    return mentions, [
        (r.type, mentions[int(r.head[1:])], mentions[int(r.tail[1:])]) for r in document.relations
    ]


@given(documents(), documents())
@example(document(("X", 0, 4), ("X", 3, 3)), document(("X", 2, 3), ("ADE", 3, 4)))
def test_causes_are_those_of_naive_loops(gold, predicted):
    analysis = analyse([gold], [predicted])
    (mentions, links), (found, found_links) = tuples(gold), tuples(predicted)
    for task, ours, theirs, cause_of in (
        (analysis.mentions, mentions, found, naive_mention_cause),
        (analysis.relations, links, found_links, naive_relation_cause),
    ):
        missed, wrong = wrong_ones(ours, theirs), wrong_ones(theirs, ours)
        expected = {}
        for place, items, others in ((0, missed, wrong), (1, wrong, missed)):
            for item in items:
                expected.setdefault(cause_of(item, others), [0, 0])[place] += 1
        expected.pop(None, None)
        paired = {k: list(v) for k, v in counted(task).items() if "missed" not in k}
        paired = {k: v for k, v in paired.items() if "spurious" not in k}
        assert paired == expected


# ------------------------------------------------------------------ what mending brings


def test_f1_if_mended_is_that_of_a_prediction_without_these_errors():
    gold = document(*SPANS, ("Drug", 43, 46), relations=[("A", 0, 1), ("A", 0, 2), ("B", 3, 0)])
    predicted = document(*LONGER, relations=[("A", 0, 1), ("B", 2, 1)])
    causes = analyse([gold], [predicted])
    assert counted(causes.mentions) == {"boundaries": (1, 1), "missed": (1, 0)}
    for key, mended in (
        ("boundaries", document(*SPANS)),
        ("missed", document(*LONGER, ("Drug", 43, 46))),
    ):
        expected = score([gold], [mended]).mentions["strict"].micro.f1
        assert causes.mentions.causes[key].f1_if_mended == pytest.approx(expected)
    # One gold and two predicted relations with wrong boundaries: one right one is in their place.
    gold = document(*SPANS, relations=[("A", 0, 1), ("A", 1, 2)])
    split = document(("ADE", 0, 2), ("ADE", 2, 4), *SPANS[1:], relations=[("A", 0, 2), ("A", 1, 2)])
    row = analyse([gold], [split]).relations.causes["boundaries"]
    assert (row.gold, row.predicted) == (1, 2)
    mended = document(*SPANS, relations=[("A", 0, 1)])
    assert row.f1_if_mended == score([gold], [mended]).relations["strict"].micro.f1


def most_of_relations(gold_links, predicted_links, spans, gold_spans=SPANS):
    """F1 of relations for each cause of mentions that differs from what it is."""
    gold = document(*gold_spans, relations=gold_links)
    analysis = analyse([gold], [document(*spans, relations=predicted_links)])
    now = analysis.relations.micro.f1
    figures = {k: c.relations_f1_if_mended for k, c in analysis.mentions.causes.items()}
    assert all(c.relations_f1_if_mended is None for c in analysis.relations.causes.values())
    return {key: f1 for key, f1 in figures.items() if f1 != now}


BOTH_WRONG = (("ADE", 0, 6), ("Reason", 10, 17), SPANS[2])


@pytest.mark.parametrize(
    ("predicted", "spans", "expected"),
    [
        ([("A", 0, 1)], SPANS, {}),
        ([("A", 0, 1)], LONGER, {"boundaries": 1.0}),
        ([("B", 0, 1)], OTHER, {"type": 1.0}),
        ([], LONGER, {"boundaries": 1.0}),
        ([], SPANS[1:], {"missed": 1.0}),
        ([("A", 0, 1), ("A", 3, 1)], (*SPANS, ("X", 40, 44)), {"spurious": 1.0}),
        # Two causes: mending one of them alone is not enough.
        ([("A", 0, 1)], BOTH_WRONG, {}),
        # Mentions are not what is wrong, or not all.
        ([("B", 0, 1)], LONGER, {}),
        ([("A", 1, 0)], LONGER, {}),
        ([], SPANS, {}),
    ],
)
def test_mending_mentions_brings_relations_that_only_they_spoil(predicted, spans, expected):
    assert most_of_relations([("A", 0, 1)], predicted, spans) == expected


def test_f1_of_relations_counts_what_is_put_right_on_either_side():
    links = [("A", 0, 1), ("A", 0, 2), ("A", 1, 2)]
    expected = Counts(3, 0, 0).f1, Counts(1, 0, 0).f1
    assert most_of_relations(links, links, LONGER) == {"boundaries": expected[0]}
    assert most_of_relations(links[2:], links[1:], LONGER) == {"boundaries": expected[1]}
    # A relation that is missed for itself stays so.
    assert most_of_relations(links, links[:2], LONGER) == {"boundaries": Counts(2, 0, 1).f1}


# ------------------------------------------------------------------ places in the text


def test_errors_over_the_end_of_a_sentence_are_counted():
    spans = (("ADE", 0, 4), ("Drug", 10, 17), ("Drug", 27, 35), ("ADE", 5, 21))
    gold = document(*spans, relations=[("A", 0, 1), ("A", 0, 2), ("A", 1, 2)], text=TEXT)
    empty = document(*spans[:3], relations=[("A", 2, 1)], text=TEXT)
    analysis = analyse([gold], [empty])
    assert analysis.mentions.causes["missed"].across_sentences == 1
    assert analysis.relations.causes["pair_missed"].across_sentences == 1
    assert analysis.relations.causes["direction"].across_sentences == 2
    assert analysis.by_distance["across sentences"] == Counts(0, 1, 2)
    assert analysis.by_distance["0-5"] == Counts(0, 0, 1)


# ------------------------------------------------------------------ examples


def test_examples_are_few_and_point_at_errors_of_their_cause():
    gold = [document(("Drug", 0, 4), ("ADE", 5, 9), id=str(n)) for n in range(20)]
    predicted = [document(("ADE", 20, 22), ("Drug", 0, 4), id=str(n)) for n in range(20)]
    assert analyse(gold, predicted).mentions.examples == {}
    examples = analyse(gold, predicted, examples=3).mentions.examples
    assert {key: len(some) for key, some in examples.items()} == {"missed": 3, "spurious": 3}
    assert {(e.predicted, e.row) for e in examples["missed"]} == {(False, 1)}
    assert {(e.predicted, e.row) for e in examples["spurious"]} == {(True, 0)}
    assert len({e.document for e in examples["missed"]}) == 3


def test_the_figures_are_plain_json_without_examples():
    gold = document(*SPANS, relations=[("A", 0, 1)], text=TEXT)
    analysis = analyse([gold], [document(*SPANS, text=TEXT)], examples=3)
    data = json.loads(json.dumps(analysis.to_dict()))
    assert data["documents"] == 1
    assert data["relations"]["causes"]["pair_missed"] == {
        "gold": 1, "predicted": 0, "across_sentences": 0, "share": 1.0, "f1_if_mended": 1.0,
    }  # fmt: skip
    assert data["relations_by_distance"]["0-5"]["fn"] == 1
    assert "example" not in json.dumps(data)


# ------------------------------------------------------------------ faults and size


def test_two_documents_of_one_id_are_an_error():
    with pytest.raises(InputError, match="two predicted documents have the id note"):
        analyse([document()], [document(), document()])


def seconds(count):
    """The time that so many documents take, gold against a prediction with every cause."""
    gold = [
        document(*SPANS, relations=[("A", 0, 1), ("A", 0, 2)], id=str(n), text=TEXT)
        for n in range(count)
    ]
    predicted = [
        document(*(LONGER, OTHER)[n % 2], relations=[("A", 0, 1)], id=str(n)) for n in range(count)
    ]
    start = time.process_time()
    analyse(gold, predicted)
    return time.process_time() - start


@pytest.mark.slow
def test_ten_thousand_documents_take_no_more_than_their_share():
    # Quadratic in documents would be 10 times the share.
    few = min(seconds(1000) for _ in range(3))
    assert seconds(10_000) < 30 * few


def test_thousands_of_relations_of_one_head_are_no_burden():
    count = 3000
    tails = [("Dose", 5 + 7 * n, 11 + 7 * n) for n in range(count)]
    links = [("D", 0, n + 1) for n in range(count)]
    gold = document(("Drug", 0, 4), *tails, relations=links)
    shifted = [("Dose", start + 1, end + 1) for _, start, end in tails]
    predicted = document(("Drug", 0, 3), *shifted, relations=links)
    start = time.process_time()
    analysis = analyse([gold], [predicted])
    assert time.process_time() - start < 20
    assert counted(analysis.relations) == {"boundaries": (count, count)}
