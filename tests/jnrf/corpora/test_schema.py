"""Learning which labels a corpus has."""

from __future__ import annotations

import pytest

from jnrf.corpora.brat import read_folder
from jnrf.corpora.schema import learn_schema
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


def a_document(relation_type: str = "Of") -> Document:
    mentions = [Mention("T1", "Drug", ((0, 1),)), Mention("T2", "ADE", ((2, 3),))]
    relations = [
        Relation("R1", relation_type, "T2", "T1"),
        Relation("R2", relation_type, "T2", "T1"),
    ]
    return Document("a", "a b", mentions, relations)


def test_labels_and_argument_types_are_those_seen():
    other = a_document("After")
    other.relations[1] = Relation("R2", "Of", "T1", "T1")
    schema = learn_schema([a_document(), other])
    assert schema.tags == ["O", "B-ADE", "I-ADE", "B-Drug", "I-Drug"]
    assert schema.relations == ["none", "After", "Of"]
    assert schema.arguments == {
        "After": [("ADE", "Drug")],
        "Of": [("ADE", "Drug"), ("Drug", "Drug")],
    }


def test_a_corpus_without_relations_gives_a_schema_for_tagging():
    document = a_document()
    document.relations.clear()
    schema = learn_schema([document])
    assert schema.relations == ["none"]
    assert schema.entity_types == ["ADE", "Drug"]


def test_nothing_to_learn_from_is_an_error_that_says_so():
    with pytest.raises(InputError, match="no documents"):
        learn_schema([])
    with pytest.raises(InputError, match=r"no mention in any of the 2 documents.*\.ann"):
        learn_schema([Document("a", "x"), Document("b", "y")])


def test_a_relation_type_called_none_is_an_error():
    with pytest.raises(InputError, match="rename it"):
        learn_schema([a_document("none")])


def test_the_schemas_of_the_real_corpora(shared_data):
    phee = learn_schema(read_folder(shared_data / "phee-n2c2" / "train"))
    assert phee.tail_types == {"Drug"}
    assert phee.relations == ["none"] + [
        f"{t}-Drug" for t in ("ADE", "Dosage", "Duration", "Frequency", "Reason", "Route")
    ]
    maccrobat = learn_schema(read_folder(shared_data / "maccrobat2020"))
    assert len(maccrobat.entity_types) == 41
    assert len(maccrobat.relations) == 1 + 7
