"""PHEE's published form, in sentences of our own: by n2c2's labels or by PHEE's."""

from __future__ import annotations

import json

import pytest
from phee_sentences import HELPED, SEVERE, helped, severe

from jnrf.cli import main
from jnrf.corpora import open_corpus, read_corpus
from jnrf.corpora.json import Reading, read_json_or_tokens
from jnrf_ext.errors import InputError


def opened(path, *items, name="train.json", **choices):
    (path / name).write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")
    return read_json_or_tokens(path / name, Reading(**choices))[1]


def told(document):
    """Mentions, and relations between what they say."""
    said = {m.id: m.text for m in document.mentions}
    mentions = [(m.type, m.text) for m in document.mentions]
    return mentions, {(r.type, said[r.head], said[r.tail]) for r in document.relations}


def test_an_abstract_is_a_document_of_a_line_each_sentence(tmp_path):
    [document] = opened(tmp_path, severe(), helped())
    assert document.id == "900"
    assert document.text == f"{HELPED}\n{SEVERE}\n"
    assert all(
        m.text == " ".join(document.text[a:b] for a, b in m.fragments) for m in document.mentions
    )


def test_labels_of_n2c2_join_to_each_drug_of_the_event(tmp_path):
    [document] = opened(tmp_path, severe(), helped())
    mentions, relations = told(document)
    assert mentions == [
        ("Drug", "Zeldrin"),
        ("Duration", "two weeks"),
        ("ADE", "rash of arms back"),
        ("Route", "oral"),
        ("Drug", "zeldrin"),
        ("Dosage", "5 mg"),
        ("Drug", "morvic"),
        ("Reason", "gout"),
    ]
    assert relations == {
        ("Duration-Drug", "two weeks", "Zeldrin"),
        *(
            (f"{type}-Drug", said, drug)
            for drug in ("zeldrin", "morvic")
            for type, said in (
                ("ADE", "rash of arms back"),
                ("Route", "oral"),
                ("Dosage", "5 mg"),
                ("Reason", "gout"),
            )
        ),
    }
    assert len(document.relations) == len(relations)
    assert document.warnings == {
        "Trigger has no n2c2 label (left out)": 2,
        "Subject has no n2c2 label (left out)": 1,
        "Speculated has no n2c2 label (left out)": 1,
        "Severity has no n2c2 label (left out)": 1,
        "Treatment.Time_elapsed has no n2c2 label (left out)": 1,
        "Effect of another event than an adverse one has no n2c2 label (left out)": 1,
    }


def test_labels_of_its_own_keep_all_of_an_event(tmp_path):
    [document] = opened(tmp_path, severe(), phee_labels="own")
    mentions, relations = told(document)
    assert sorted(mentions) == [
        ("Adverse_event", "had"),
        ("Combination", "with"),
        ("Effect", "rash of arms back"),
        ("Severity", "severe"),
        ("Speculated", "may"),
        ("Subject", "An old man"),
        ("Subject.Age", "old"),
        ("Subject.Gender", "man"),
        ("Treatment", "oral zeldrin 5 mg with morvic"),
        ("Treatment.Disorder", "gout"),
        ("Treatment.Dosage", "5 mg"),
        ("Treatment.Drug", "morvic"),
        ("Treatment.Drug", "zeldrin"),
        ("Treatment.Route", "oral"),
        ("Treatment.Time_elapsed", "after"),
    ]
    treatment = "oral zeldrin 5 mg with morvic"
    assert relations == {
        ("Subject", "had", "An old man"),
        ("Age", "An old man", "old"),
        ("Gender", "An old man", "man"),
        ("Treatment", "had", treatment),
        ("Drug", treatment, "zeldrin"),
        ("Drug", treatment, "morvic"),
        ("Disorder", treatment, "gout"),
        ("Dosage", treatment, "5 mg"),
        ("Route", treatment, "oral"),
        ("Time_elapsed", treatment, "after"),
        ("Combination", treatment, "with"),
        ("Drug", "with", "zeldrin"),
        ("Drug", "with", "morvic"),
        ("Effect", "had", "rash of arms back"),
        ("Speculated", "had", "may"),
        ("Severity", "had", "severe"),
    }
    trigger = next(m.id for m in document.mentions if m.type == "Adverse_event")
    assert [(a.type, a.target, a.value) for a in document.attributes] == [
        ("Speculated", trigger, None),
        ("Severity", trigger, "High"),
    ]
    assert not document.warnings


def test_a_span_of_several_events_is_one_mention(tmp_path):
    item = helped()
    item["annotations"][0]["events"] *= 2
    assert told(opened(tmp_path, item)[0]) == told(opened(tmp_path, helped())[0])


def test_words_make_documents_of_several_abstracts(tmp_path):
    items = [helped(f"{900 + n}_1") for n in range(10)]  # of six words each
    documents = opened(tmp_path, *items, phee_words=13)
    assert [d.id for d in documents] == [f"train-000{n}" for n in (1, 2, 3, 4)]
    assert [d.text for d in documents] == ["\n\n".join([HELPED] * n) + "\n" for n in (3, 3, 3, 1)]
    assert [len(d.mentions) for d in documents] == [6, 6, 6, 2]
    for document in documents:
        assert {m.text for m in document.mentions} == {"Zeldrin", "two weeks"}
    again = opened(tmp_path, *reversed(items), phee_words=13)
    assert again == documents


def test_a_folder_of_its_files_and_the_command_read_it(tmp_path, capsys):
    source = tmp_path / "phee"
    source.mkdir()
    opened(source, severe(), name="train.json")
    opened(source, helped("901_1"), name="dev.json")
    assert read_corpus(source)[0] == "json"
    assert [d.id for d in open_corpus(source)] == ["900", "901"]
    words = ["convert", str(source / "train.json"), str(tmp_path / "out"), "--to", "brat"]
    assert main([*words, "--phee-labels", "own", "--phee-words", "1500"]) == 0
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == [
        "train-0001.ann",
        "train-0001.txt",
    ]
    assert "1 documents, 15 mentions, 16 relations" in capsys.readouterr().out
    [document] = open_corpus(tmp_path / "out")
    assert "Treatment.Drug" in {m.type for m in document.mentions}
    lines = tmp_path / "x.jsonl"
    assert main(["convert", str(source), str(lines), "--to", "json"]) == 0
    assert len(open_corpus(tmp_path / "x.jsonl")) == 2


def test_ids_without_a_number_and_unknown_fields_are_no_hindrance(tmp_path):
    [document] = opened(tmp_path, helped("note") | {"source": "x"})
    assert document.id == "note"
    assert document.warnings["field not read: source"] == 1


def changed(change) -> dict:
    item = helped()
    change(item, item["annotations"][0]["events"][0])
    return item


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda item, event: item.update(id=7), "id is a number; give a string"),
        (lambda item, event: item.update(context=["Zeldrin"]), "context is a list of 1"),
        (lambda item, event: item.update(annotations={}), "annotations are an object of 0 fields"),
        (lambda item, event: item.update(annotations=[7]), "annotations are a list of 1; give"),
        (lambda item, event: item.update(annotations=[{}]), "events are null; give a list of obj"),
        (lambda item, event: event.pop("event_type"), "event_type is null; give a string"),
        (lambda item, event: event.update(Treatment="Zeldrin"), "Treatment is a string"),
        (lambda item, event: event["Treatment"].update(Drug=["x"]), "Drug is a list of 1"),
        (lambda item, event: event["Treatment"].update(Combination={}), "Combination are an obj"),
        (
            lambda item, event: event["Treatment"]["Drug"].update(start=[[0, 1]]),
            "text and start of Drug do not fit each other",
        ),
        (
            lambda item, event: event["Treatment"]["Drug"].update(text=[["a"]], start=[[True]]),
            "text and start of Drug do not fit each other",
        ),
        (
            lambda item, event: event["Treatment"]["Drug"].update(start=[[99]]),
            "a span of Drug is not inside the context of 33 characters; correct its start",
        ),
        (lambda item, event: event["Treatment"]["Drug"].update(start=[[-1]]), "is not inside"),
    ],
)
def test_faulty_items_are_one_line_with_file_and_number(tmp_path, change, complaint):
    with pytest.raises(InputError, match=r"train\.json:2: .*" + complaint) as error:
        opened(tmp_path, helped("901_1"), changed(change))
    assert "\n" not in str(error.value)
    assert "Zeldrin" not in str(error.value)


def test_a_span_that_says_something_else_is_counted(tmp_path):
    item = changed(lambda item, event: event["Treatment"]["Drug"].update(start=[[3]]))
    [document] = opened(tmp_path, item)
    assert document.warnings["mention text disagrees with the text (offsets are kept)"] == 1


def test_unknown_labels_are_an_error(tmp_path):
    with pytest.raises(InputError, match="labels are 'i2b2'; choose one of n2c2, own"):
        opened(tmp_path, helped(), phee_labels="i2b2")
