"""Entity-level strict scores follow conlleval's reading of BIO."""

from __future__ import annotations

import pytest

from jnrf.scoring import entities
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-X", "I-X", "O"], [("X", 0, 2)]),
        (["B-X", "B-X"], [("X", 0, 1), ("X", 1, 2)]),
        (["I-X", "I-X"], [("X", 0, 2)]),
        (["B-X", "I-Y"], [("X", 0, 1), ("Y", 1, 2)]),
        (["O", "I-X", "O", "I-X"], [("X", 1, 2), ("X", 3, 4)]),
        (["B-X", "I-X", "I-X"], [("X", 0, 3)]),
        (["B-co-morbidity", "I-co-morbidity"], [("co-morbidity", 0, 2)]),
        ([], []),
    ],
)
def test_spans_of_bio_sequences(tags, spans):
    assert entities.spans_of(tags) == spans


def test_a_right_type_with_a_wrong_boundary_is_wrong():
    scores = entities.score_tags([["B-X", "I-X", "B-Y"]], [["B-X", "O", "B-Y"]])
    assert (scores.micro.tp, scores.micro.fp, scores.micro.fn) == (1, 1, 1)
    assert scores.micro.f1 == 0.5
    assert scores.by_type["X"].f1 == 0.0
    assert scores.macro_types.f1 == 0.5


def test_equal_spans_of_different_sentences_are_different_entities():
    scores = entities.score_spans([[("X", 0, 1)], []], [[], [("X", 0, 1)]])
    assert (scores.micro.tp, scores.micro.fp, scores.micro.fn) == (0, 1, 1)


def test_macro_is_over_the_types_of_either_side():
    scores = entities.score_spans([[("X", 0, 1)]], [[("X", 0, 1), ("Z", 4, 5)]])
    assert list(scores.by_type) == ["X", "Z"]
    assert scores.macro_types.precision == 0.5


def test_documents_compare_every_fragment():
    gold = Document("d", "", [Mention("T1", "ADE", ((0, 4), (6, 9)))])
    hull = Document("d", "", [Mention("T1", "ADE", ((0, 9),))])
    assert entities.score([gold], [gold]).micro.f1 == 1.0
    assert entities.score([gold], [hull]).micro.f1 == 0.0


def test_a_document_without_prediction_counts_as_nothing_found():
    gold = [Document(id, "", [Mention("T1", "ADE", ((0, 4),))]) for id in "ab"]
    assert entities.score(gold, gold[:1]).micro.fn == 1


def test_documents_that_do_not_correspond_are_errors():
    with pytest.raises(InputError, match="the prediction b has no gold document"):
        entities.score([Document("a", "")], [Document("b", "")])
    with pytest.raises(InputError, match="two gold documents have the id a"):
        entities.score([Document("a", ""), Document("a", "")], [])


def test_sequences_that_do_not_correspond_are_errors():
    with pytest.raises(InputError, match="sequence 1: 2 gold and 1 predicted labels"):
        entities.score_tags([["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(InputError, match="1 gold and 2 predicted sequences"):
        entities.score_tags([["O"]], [["O"], ["O"]])


def test_a_label_that_is_not_bio_is_an_error():
    with pytest.raises(InputError, match="a label of 3 characters is no BIO label"):
        entities.score_tags([["S-X"]], [["O"]])
