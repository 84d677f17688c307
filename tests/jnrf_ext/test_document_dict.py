"""Documents as dicts of JSON types, and what is no document."""

from __future__ import annotations

import json

import pytest
from one_of_each import a_document

from jnrf_ext.document import Document
from jnrf_ext.document_dict import document_from_dict, document_to_dict
from jnrf_ext.errors import InputError


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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"events": [{"id": "E1", "type": "X", "trigger": "T9"}]}, "event E1 refers to T9"),
        ({"equivalences": [{"type": "X", "members": ["T9"]}]}, r"equivalence \* refers to T9"),
        ({"attributes": [{"id": "A1", "type": "X", "target": "T9"}]}, "attribute A1 refers to T9"),
        ({"notes": [{"id": "#1", "type": "X", "target": "T9"}]}, "note #1 refers to T9"),
        (
            {"normalizations": [{"id": "N1", "type": "X", "target": "T9", "reference": "a:b"}]},
            "normalization N1 refers to T9",
        ),
        (
            {"notes": [{"id": "T1", "type": "X", "target": "T1"}]},
            "2 annotations have the id 'T1'; make ids unique",
        ),
        (
            {
                "relations": [
                    {"id": "R1", "type": "X", "head": "T1", "tail": "T1", "head_ref": "E9"}
                ]
            },
            "relation R1 refers to E9",
        ),
        *(({"warnings": {"x": n}}, "must map a kind to a count") for n in (True, 0.5, None)),
        ({"warnings": {"\ud800": 1}}, "must map a kind to a count"),
    ],
)
def test_what_points_nowhere_or_counts_nothing_is_an_error(change, complaint):
    mention = {"id": "T1", "type": "A", "fragments": [[0, 1]]}
    with pytest.raises(InputError, match=complaint):
        document_from_dict({"id": "x", "text": "abc", "mentions": [mention]} | change)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_score_that_json_cannot_hold_is_an_error(score):
    mention = {"id": "T1", "type": "A", "fragments": [[0, 1]], "score": score}
    with pytest.raises(InputError, match="score is not finite"):
        document_from_dict({"id": "x", "text": "abc", "mentions": [mention]})


@pytest.mark.parametrize(
    "change",
    [
        *({name: "Zachary"} for name in ("mentions", "relations", "notes", "warnings")),
        *({"text": ["Zachary"]}, {"mentions": ["Zachary"]}, {"id": ["Zachary"]}),
        {"mentions": [{"id": "T1", "type": "A", "fragments": [[0, 1]], "score": "Zachary"}]},
        {"mentions": [{"id": "T1", "type": "A", "fragments": "Zachary"}]},
        {"mentions": [{"id": "T1", "type": "A", "fragments": [[0, 99]], "text": "Zachary"}]},
    ],
)
def test_no_message_has_the_text_of_a_note(change):
    with pytest.raises(InputError) as error:
        document_from_dict({"id": "x", "text": "Zachary"} | change)
    assert "Zachary" not in str(error.value)
