"""Documents as dicts of JSON types, and what is no document."""

from __future__ import annotations

import json

import pytest
from one_of_each import a_document

from jnrf_ext.documents.dict_reader import document_from_dict
from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.documents.document import Document
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
        ({"mentions": [{"id": "T1", "type": "A", "fragments": []}]}, "T1 has no fragments"),
        ({"mentions": [{"id": "T1", "type": "A", "start": 0, "end": 1}]}, r"write \"fragments\""),
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


def of_text(text, *mentions, **fields):
    return {
        "id": "x",
        "text": text,
        "mentions": [
            {"id": f"T{n}", "type": "A", "fragments": [[start, end]], "text": said}
            for n, (start, end, said) in enumerate(mentions, 1)
        ],
    } | fields


def test_a_mention_that_says_something_else_is_counted_and_gets_its_text():
    data = of_text("took iron daily", (5, 9, "iron"), (0, 3, "took"), (5, 9, "zinc"))
    document = document_from_dict(data)
    assert [m.text for m in document.mentions] == ["iron", "too", "iron"]
    assert document.warnings == {"mention text disagrees with the text (offsets are kept)": 2}
    assert document_from_dict(document_to_dict(document)) == document


def test_white_space_and_missing_texts_are_no_disagreement():
    data = of_text("took  iron\ndaily", (0, 10, "took iron"), (6, 16, "iron daily"), (0, 4, ""))
    document = document_from_dict(data)
    assert not document.warnings
    assert [m.text for m in document.mentions] == ["took iron", "iron daily", ""]


@pytest.mark.parametrize("units", ["utf-16", "utf-8"])
def test_offsets_in_other_units_are_told_and_can_be_read(units):
    text = "\U0001f600 took aspirin daily"
    shift = {"utf-16": 1, "utf-8": 3}[units]
    data = of_text(text, (2 + shift, 6 + shift, "took"), (7 + shift, 14 + shift, "aspirin"))
    [kind] = document_from_dict(data).warnings
    assert kind.startswith("mention text disagrees with the text")
    assert f"jnrf convert --offsets {units}" in kind
    document = document_from_dict(data, offsets=units)
    assert [m.fragments for m in document.mentions] == [((2, 6),), ((7, 14),)]
    assert not document.warnings
    short = data | {"text": text.removesuffix(" daily")}
    with pytest.raises(InputError, match=f"of 14 characters; all fit as .* --offsets {units}"):
        document_from_dict(short)
    assert document_from_dict(short, offsets=units).mentions == document.mentions


def test_offsets_that_are_not_between_characters_of_the_units_are_an_error():
    data = of_text("\U0001f600 iron", (1, 3, ""))
    with pytest.raises(InputError, match=r"T1: fragments .* are not between characters .* UTF-16"):
        document_from_dict(data, offsets="utf-16")


def test_fields_that_are_not_known_are_counted_by_name():
    data = of_text("iron", (0, 4, "iron"), meta={"source": "x"}, label=[[0, 4, "Drug"]])
    data["mentions"][0]["confidence"] = 0.5
    document = document_from_dict(data)
    assert document.warnings == {
        "field not read: meta": 1,
        "field not read: label": 1,
        "field not read: mentions.confidence": 1,
    }
    assert document_from_dict(document_to_dict(document)) == document


@pytest.mark.parametrize("name", ["label", "spans", "gold"])
def test_annotations_in_unknown_fields_alone_are_an_error(name):
    data = {"id": "x", "text": "Zachary", name: [[0, 7, "Name"]], "meta": "y"}
    with pytest.raises(InputError, match=f"not read: {name}; rename them, or add") as error:
        document_from_dict(data)
    assert "Zachary" not in str(error.value)
    document = document_from_dict(data | {"mentions": []})  # as the error says
    assert document.warnings == {f"field not read: {name}": 1, "field not read: meta": 1}


def test_a_text_with_other_fields_beside_it_is_a_document():
    document = document_from_dict({"id": "x", "text": "a", "date": "2026", "pages": [1, 2]})
    assert document.warnings == {"field not read: date": 1, "field not read: pages": 1}


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
