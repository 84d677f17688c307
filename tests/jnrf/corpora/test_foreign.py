"""JSON of other tools: read where its form is plain, else refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora import open_corpus, read_corpus
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError

TEXT = "took aspirin for pain"
MENTIONS = [
    Mention("T1", "Drug", ((5, 12),), "aspirin"),
    Mention("T2", "Reason", ((17, 21),), "pain"),
]


def opened(path, *items, name="x.json"):
    (path / name).write_text(json.dumps(list(items)), encoding="utf-8")
    return open_corpus(path / name)


ROWS = [[5, 12, "Drug"], [17, 21, "Reason"]]
OBJECTS = [{"start": 5, "end": 12, "label": "Drug"}, {"start": 17, "end": 21, "label": "Reason"}]
DOCCANO = [
    {"id": 7, "start_offset": 5, "end_offset": 12, "label": "Drug"},
    {"id": 3, "start_offset": 17, "end_offset": 21, "label": "Reason"},
]


@pytest.mark.parametrize(
    "item",
    [
        {"id": "x-0001", "text": TEXT, "label": ROWS},
        {"text": TEXT, "labels": ROWS},
        {"data": TEXT, "label": ROWS},
        {"text": TEXT, "entities": ROWS},
        {"text": TEXT, "entities": DOCCANO, "relations": []},
        {"text": TEXT, "ents": OBJECTS},
        {"text": TEXT, "spans": OBJECTS},
        {"text": TEXT, "label": [], "entities": ROWS},
        [TEXT, {"entities": ROWS}],
    ],
)
def test_spans_of_a_text_are_mentions(tmp_path, item):
    assert opened(tmp_path, item) == [Document("x-0001", TEXT, MENTIONS)]
    (tmp_path / "x.jsonl").write_text(json.dumps(item) + "\n")
    assert open_corpus(tmp_path / "x.jsonl") == [Document("x-0001", TEXT, MENTIONS)]


def test_relations_of_doccano_join_spans_by_their_ids(tmp_path):
    relations = [{"id": 1, "from_id": 3, "to_id": 7, "type": "Reason-Drug"}]
    item = {"id": 12, "text": TEXT, "entities": DOCCANO, "relations": relations, "Comments": ["hm"]}
    [document] = opened(tmp_path, item)
    assert document.id == "12"
    assert document.relations == [Relation("R1", "Reason-Drug", "T2", "T1")]
    assert document.warnings == {"field not read: Comments": 1}


def test_more_than_spans_is_counted(tmp_path):
    """As in spaCy's Doc.to_json()."""
    item = {
        "text": TEXT,
        "ents": [OBJECTS[0] | {"text": "aspirine", "token_start": 1}],
        "tokens": [{"id": 0, "start": 0, "end": 4}],
        "cats": {},
    }
    [document] = opened(tmp_path, item)
    assert document.warnings == {
        "field not read: tokens": 1,
        "field not read: cats": 1,
        "field not read: mentions.token_start": 1,
        "mention text disagrees with the text (offsets are kept)": 1,
    }


def test_lines_of_json_in_a_file_named_json_are_read(tmp_path):
    lines = [json.dumps({"text": TEXT, "label": ROWS}), json.dumps({"text": "x", "label": []})]
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "x.json").write_bytes(end.join(lines).encode())
        first, second = open_corpus(tmp_path / "x.json")
        assert (first.mentions, second.mentions) == (MENTIONS, [])


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"text": TEXT, "label": [[5, 12]]}, r"label\[0\] is a list of 2; write \[start, end, ty"),
        ({"text": TEXT, "label": [5]}, r"label\[0\] is a number; write \[start, end, type\]"),
        ({"text": TEXT, "label": ["Drug"]}, r"not a document: .*; the fields are text, label"),
        ({"text": TEXT, "label": [[5, True, "X"]]}, r"label\[0\] is a list of 3; write"),
        ({"text": TEXT, "label": [[5, 12, 3]]}, "its label is a number; write the label's name"),
        ({"text": TEXT, "label": [[5, 99, "X"]]}, r"T1: fragments \[\(5, 99\)\] are not in order"),
        ({"text": TEXT, "label": ROWS, "spans": OBJECTS}, "spans in several fields, label, spans"),
        ({"text": TEXT, "spans": OBJECTS, "relations": [{"head": 1}]}, "name its ends by ids of"),
        (
            {
                "text": TEXT,
                "entities": DOCCANO,
                "relations": [{"from_id": 3, "to_id": 9, "type": "X"}],
            },
            "relation 1 names 1 spans that are not there",
        ),
        (
            {"data": {"text": TEXT}, "annotations": [{}]},
            "this is Label Studio's JSON, which",
        ),
        ({"text": TEXT, "denotations": []}, "this is PubAnnotation's JSON"),
        ({"documents": []}, "this is BioC"),
        ({"doc_key": "x", "sentences": [["a"]], "ner": [[]]}, "this is the JSON of DyGIE"),
        (
            {"paragraphs": []},
            "not a document nor a sentence: the fields are paragraphs; a",
        ),
        ({"id": "x", "text": TEXT, "gold": ROWS}, "fields that are not read: gold; rename them"),
        ([TEXT, {"cats": {}}], "not a document"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_names_it(tmp_path, item, complaint):
    with pytest.raises(InputError, match=r"x\.json: item 1: .*" + complaint) as error:
        opened(tmp_path, item)
    assert "\n" not in str(error.value)
    assert "aspirin" not in str(error.value)


def test_all_documents_of_a_file_are_of_one_form(tmp_path):
    with pytest.raises(InputError, match="item 2: not a text with a list of spans, as"):
        opened(tmp_path, {"text": TEXT, "label": ROWS}, {"id": "a", "text": "", "mentions": []})
    with pytest.raises(InputError, match="item 2: document 'b': no mentions, relations or other"):
        opened(tmp_path, {"id": "a", "text": ""}, {"id": "b", "text": TEXT, "label": ROWS})


def test_labels_of_a_text_as_a_whole_are_no_spans(tmp_path):
    [document] = opened(tmp_path, {"id": "a", "text": TEXT, "labels": ["letter"], "codes": [{}]})
    assert document.warnings == {"field not read: labels": 1, "field not read: codes": 1}


def test_upper_case_suffixes_are_read(tmp_path):
    opened(tmp_path, {"text": TEXT, "label": ROWS}, name="X.JSON")
    assert read_corpus(tmp_path)[1] == [Document("X-0001", TEXT, MENTIONS)]


@given(
    st.text(max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.text(min_size=1, max_size=3))),
)
def test_every_form_gives_the_same_mentions(tmp_path_factory, text, spans):
    text = text.encode("utf-8", "ignore").decode()
    spans = [list(s) for s in spans if s[0] < s[1] <= len(text) and s[2].isprintable()]
    objects = [{"start": s, "end": e, "label": label} for s, e, label in spans]
    path = tmp_path_factory.mktemp("forms")
    found = [
        opened(path, item)[0]
        for item in (
            {"text": text, "labels": spans},
            {"text": text, "ents": objects},
            [text, {"entities": spans}],
        )
    ]
    assert found[0] == found[1] == found[2]
    assert [[m.start, m.end, m.type] for m in found[0].mentions] == spans
