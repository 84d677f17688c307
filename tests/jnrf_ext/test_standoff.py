"""Writing documents as brat, as JSON, and as text to read."""

from __future__ import annotations

import json

import pytest

from jnrf_ext.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.errors import InputError
from jnrf_ext.standoff import document_from_dict, document_to_dict, fragments_text, to_brat

TEXT = "Started aspirin 81 mg po\ndaily for pain."


def a_document() -> Document:
    """One of every kind of annotation."""
    return Document(
        "note",
        TEXT,
        mentions=[
            Mention("T1", "Drug", ((8, 15),), "aspirin", 0.75),
            Mention("T2", "Strength", ((16, 21),), "81 mg"),
            Mention("T3", "Sig", ((22, 24), (25, 30)), "po daily"),
            Mention("T4", "Start", ((0, 7),), "Started"),
        ],
        relations=[
            Relation("R1", "Strength-Drug", "T2", "T1", score=0.5),
            Relation("R2", "Of", "T4", "T1", None, "Theme", "Agent", head_ref="E1"),
        ],
        events=[
            Event("E1", "Start", "T4", (("Theme", "T1"), ("Dose", "T2"))),
            Event("E2", "X", "T3"),
        ],
        equivalences=[Equivalence("SAME", ("T1", "E1", "T2"))],
        attributes=[Attribute("A1", "Negated", "T1"), Attribute("M2", "Trend", "E1", "going UP")],
        normalizations=[Normalization("N1", "Reference", "T1", "RxNorm:1191", "aspirin")],
        notes=[Note("#1", "AnnotatorNotes", "T1", "as\tbefore")],
    )


def test_brat_text_has_one_line_for_each_annotation():
    assert to_brat(a_document()).splitlines() == [
        "T1\tDrug 8 15\taspirin",
        "T2\tStrength 16 21\t81 mg",
        "T3\tSig 22 24;25 30\tpo daily",
        "T4\tStart 0 7\tStarted",
        "E1\tStart:T4 Theme:T1 Dose:T2",
        "E2\tX:T3",
        "R1\tStrength-Drug Arg1:T2 Arg2:T1",
        "R2\tOf Theme:E1 Agent:T1",
        "*\tSAME T1 E1 T2",
        "A1\tNegated T1",
        "M2\tTrend E1 going UP",
        "N1\tReference T1 RxNorm:1191\taspirin",
        "#1\tAnnotatorNotes T1\tas\tbefore",
    ]


def test_brat_text_of_a_document_without_annotations_is_empty():
    assert to_brat(Document("x", "Nothing here.")) == ""


def test_a_mention_over_a_line_break_stays_on_one_line():
    document = Document("x", TEXT, [Mention("T1", "Sig", ((22, 30),))])
    assert to_brat(document) == "T1\tSig 22 30\tpo daily\n"


def test_mention_text_comes_from_the_offsets_not_from_the_mention():
    document = Document("x", TEXT, [Mention("T1", "Drug", ((8, 15),), "something else")])
    assert to_brat(document) == "T1\tDrug 8 15\taspirin\n"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mentions": [Mention("T1", "Adverse event", ((0, 7),))]}, "the name 'Adverse event'"),
        ({"mentions": [Mention("T1", "", ((0, 7),))]}, "the name ''"),
        ({"mentions": [Mention("m1", "Drug", ((0, 7),))]}, "the id 'm1'; it must start with T"),
        ({"mentions": [Mention("T 1", "Drug", ((0, 7),))]}, "the id 'T 1'"),
        ({"relations": [Relation("R1", "X", "T1", "T2", None, "a b")]}, "the name 'a b'"),
        ({"equivalences": [Equivalence("a\tb", ("T1",))]}, "the name"),
        ({"attributes": [Attribute("", "Negated", "T1")]}, "start with A or M"),
    ],
)
def test_what_brat_cannot_hold_is_an_error_rather_than_a_broken_file(change, complaint):
    with pytest.raises(InputError, match=complaint):
        to_brat(Document("x", TEXT, **change))


def test_fragments_are_joined_by_spaces_and_astral_characters_count_as_one():
    assert fragments_text("a😀b\r\nc", [(1, 2), (2, 6)]) == "😀 b  c"


def test_dict_round_trip_keeps_everything_and_is_json():
    document = a_document()
    document.warnings["malformed T line"] = 2
    assert document_from_dict(json.loads(json.dumps(document_to_dict(document)))) == document


def test_dict_leaves_out_what_is_unset():
    relation = document_to_dict(a_document())["relations"][0]
    assert relation == {
        "id": "R1",
        "type": "Strength-Drug",
        "head": "T2",
        "tail": "T1",
        "score": 0.5,
    }


def test_a_dict_of_id_and_text_alone_is_a_document():
    assert document_from_dict({"id": "x", "text": "Hi"}) == Document("x", "Hi")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": None}, "text must be a string"),
        ({"text": "half \ud800"}, "surrogate"),
        ({"mentions": {}}, "mentions must be a list"),
        ({"mentions": [7]}, r"mentions\[0\] must be an object"),
        ({"mentions": [{"type": "A"}]}, r"mentions\[0\]: fragments|id must be a string"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": [[0, 99]]}]}, "T1: fragments"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": [[2, 2]]}]}, "T1: fragments"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": [[3, 4], [0, 1]]}]}, "in order"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": []}]}, "T1: fragments"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": [[False, True]]}]}, "pairs of int"),
        ({"mentions": [{"id": "T1", "type": "A", "fragments": [[0, 1]]}] * 2}, "make ids unique"),
        ({"relations": [{"id": "R1", "type": "A", "head": "T9", "tail": "T9"}]}, "joins T9"),
        ({"equivalences": [{"type": "A", "members": [1]}]}, "list of strings"),
        ({"warnings": {"x": "many"}}, "warnings"),
    ],
)
def test_a_faulty_dict_is_an_input_error_that_names_document_and_field(change, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        document_from_dict({"id": "note-1", "text": "abcdef"} | change)
    assert "document 'note-1'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [None, [], {"text": "no id"}])
def test_what_is_no_document_is_an_input_error(data):
    with pytest.raises(InputError, match="not a document"):
        document_from_dict(data)


def test_a_document_prints_its_mentions_and_relations():
    lines = str(a_document()).splitlines()
    assert lines[0] == "note: 40 characters, 4 mentions, 2 relations"
    assert "  Drug 'aspirin' 8-15  (0.75)" in lines
    assert "  Sig 'po daily' 22-24;25-30" in lines
    assert "  Strength-Drug: '81 mg' -> 'aspirin'  (0.50)" in lines


def test_printing_cuts_long_mentions_but_never_fails_on_unknown_ids():
    document = Document(
        "x", "word " * 50, [Mention("T1", "A", ((0, 249),))], [Relation("R1", "B", "T1", "T7")]
    )
    assert all(len(line) < 150 for line in str(document).splitlines())
    assert str(document).endswith("-> 'T7'")


def test_document_methods_are_the_functions():
    document = a_document()
    assert document.to_brat() == to_brat(document)
    assert document.to_dict() == document_to_dict(document)
