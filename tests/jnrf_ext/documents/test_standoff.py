"""Writing documents as brat, and as text to read."""

from __future__ import annotations

import pytest
from one_of_each import TEXT, a_document

from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Relation,
)
from jnrf_ext.documents.mention_text import fragments_text
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError


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
        ({"mentions": [Mention("T 1", "Drug", ((0, 7),))]}, "an id of 3 characters"),
        ({"relations": [Relation("R1", "X", "T1", "T2", None, "a b")]}, "the name 'a b'"),
        ({"equivalences": [Equivalence("a\tb", ("T1",))]}, "the name"),
        ({"attributes": [Attribute("", "Negated", "T1")]}, "start with A or M"),
        ({"events": [Event("E1", "X", "T:1")]}, "the id 'T:1' in an event or relation"),
        (
            {"events": [Event("E1", "X", "T1", (("Of", "T 2"),))]},
            "an id of 3 characters in an event",
        ),
        ({"relations": [Relation("R1", "X", "T1", "T1", head_ref="E:1")]}, "the id 'E:1' in"),
        (
            {"normalizations": [Normalization("N1", "X", "T1", "a b")]},
            "a reference of 3 characters",
        ),
    ],
)
def test_what_brat_cannot_hold_is_an_error_rather_than_a_broken_file(change, complaint):
    with pytest.raises(InputError, match=complaint):
        to_brat(Document("x", TEXT, **change))


def test_fragments_are_joined_by_spaces_and_astral_characters_count_as_one():
    assert fragments_text("a😀b\r\nc", [(1, 2), (2, 6)]) == "😀 b  c"


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
