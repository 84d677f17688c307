"""Splits, folds and draws are the same each time, and never share a document."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.study.corpora import build, k_fold, shuffled
from jnrf.study.counts import DocumentSets
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError


def ids(path):
    return [document.id for document in open_corpus(path)]


@given(st.integers(3, 8), st.integers(0, 30), st.booleans(), st.integers(0, 5))
def test_every_document_is_held_out_once_and_never_trained_on_then(k, more, with_test, seed):
    documents = shuffled([Document(f"d{i}", "") for i in range(k + more)], seed, "x")
    held_out = [Document("test", "")] if with_test else []
    out = []
    for fold in range(k):
        sets = k_fold(documents, k, fold, held_out)
        names = {name: {d.id for d in group} for name, group in sets.items()}
        assert not names["train"] & (names["dev"] | names["test"])
        assert not names["dev"] & names["test"]
        assert len(set.union(*names.values())) == len(documents) + with_test
        out += [d.id for d in sets["dev" if with_test else "test"]]
        if with_test:
            assert names["test"] == {"test"}
    assert sorted(out) == sorted(d.id for d in documents)


def test_a_split_is_the_one_that_the_seed_gives(data, read, corpus, tmp_path):
    data["corpora"]["notes"] = {
        "documents": str(corpus),
        "split": {"seed": 2018, "train": 3, "dev": 1, "test": 2},
    }
    own = read(data).corpora["notes"]
    [part] = own.parts(tmp_path / "out")
    build(own, tmp_path / "out", None)
    expected = sorted(f"note{i}" for i in range(6))
    random.Random(2018).shuffle(expected)
    found = [ids(path) for path in (part.train, part.dev, part.test)]
    assert found == [expected[:3], expected[3:4], expected[4:]]


def test_folds_of_given_files_fill_their_number_in(data, read, tmp_path):
    for fold in (3, 4):
        for name in ("train", "test"):
            (tmp_path / f"{name}.{fold}.json").write_text("[]")
    data["corpora"]["notes"] = {
        name: str(tmp_path / f"{name}.{{fold}}.json") for name in ("train", "test")
    } | {"folds": "3-4"}
    parts = read(data).corpora["notes"].parts(tmp_path / "out")
    assert [(p.fold, p.dev) for p in parts] == [(3, None), (4, None)]
    assert parts[1].train == str(tmp_path / "train.4.json")
    (tmp_path / "test.4.json").unlink()
    with pytest.raises(InputError, match=r"corpora\.notes\.test: no file or folder .*test\.4"):
        read(data)


def test_limits_draw_the_same_documents_whatever_their_order(data, read, corpus, tmp_path):
    data["limits"] = {"train_documents": 2}
    data["corpora"]["notes"]["limits"] = {"test_documents": 1}
    own = read(data).corpora["notes"]
    drawn = []
    for name in ("a", "b"):
        [part] = own.parts(tmp_path / name)
        build(own, tmp_path / name, None)
        drawn.append([ids(path) for path in (part.train, part.dev, part.test)])
    assert drawn[0] == drawn[1]
    assert [len(group) for group in drawn[0]] == [2, 6, 1]


def test_documents_made_otherwise_go_elsewhere(data, read, tmp_path):
    data["limits"] = {"train_documents": 2}
    before = read(data).corpora["notes"].folder(tmp_path)
    data["limits"] = {"train_documents": 3}
    assert read(data).corpora["notes"].folder(tmp_path) != before


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"split": {"train": 5, "dev": 1, "test": 1}}, "split: asks for 7 of 6 documents"),
        ({"k_folds": 7}, "k_folds: 7 folds of 6 documents"),
    ],
)
def test_too_few_documents_are_told(data, read, corpus, tmp_path, how, message):
    data["corpora"]["notes"] = {"documents": str(corpus)} | how
    with pytest.raises(InputError, match=message):
        build(read(data).corpora["notes"], tmp_path, None)


def test_two_documents_of_one_id_are_refused(data, read, corpus, tmp_path):
    data["corpora"]["notes"] = {"documents": [str(corpus)] * 2, "k_folds": 3}
    with pytest.raises(InputError, match="two have the same id"):
        build(read(data).corpora["notes"], tmp_path, None)


def test_the_split_of_maccrobat_is_the_one_that_is_documented(data, read, shared_data, tmp_path):
    data["corpora"]["notes"] = {
        "documents": str(shared_data / "maccrobat2020"),
        "split": {"seed": 2018, "train": 140, "dev": 20, "test": 40},
    }
    own = read(data).corpora["notes"]
    build(own, tmp_path, None)
    [part] = own.parts(tmp_path)
    names = sorted(path.stem for path in (shared_data / "maccrobat2020").glob("*.txt"))
    random.Random(2018).shuffle(names)
    assert ids(part.test) == names[160:]


def test_a_study_takes_texts_without_annotations_as_its_settings_say(data, read, corpus, tmp_path):
    (corpus / "note0.ann").unlink()
    data["corpora"]["notes"] = {
        "documents": str(corpus),
        "split": {"seed": 1, "train": 3, "dev": 1, "test": 1},
    }
    own = read(data).corpora["notes"]
    with pytest.raises(InputError, match=r"note0; .*\(data\.unannotated: skip under settings\)"):
        build(own, tmp_path / "out", None)
    with pytest.warns(UserWarning, match=r"left out \(data\.unannotated skip\)"):
        build(own, tmp_path / "out", None, unannotated="skip")
    [part] = own.parts(tmp_path / "out")
    assert {id for path in (part.train, part.dev, part.test) for id in ids(path)} == {
        f"note{number}" for number in range(1, 6)
    }


def test_a_study_names_malformed_lines_as_its_file_does(data, read, corpus, tmp_path):
    with open(corpus / "note0.ann", "a") as file:
        file.write("oops\n")
    data["corpora"]["notes"] = {
        "documents": str(corpus),
        "split": {"seed": 1, "train": 3, "dev": 1, "test": 1},
    }
    own = read(data).corpora["notes"]
    with pytest.raises(InputError, match=r"counted \(data\.malformed: count under settings\)"):
        build(own, tmp_path / "out", None)
    build(own, tmp_path / "out", None, malformed="count")


def test_sets_of_a_study_agree_on_the_heads_of_relations(data, read, tmp_path):
    for name, line in (("train", "R1\tIs B:T1 A:T2\n"), ("test", "R1\tIs A:T2 B:T1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text("a b")
        content = f"T1\tX 0 1\ta\nT2\tX 2 3\tb\n{line}"
        (tmp_path / name / f"{name}.ann").write_text(content)
    given = {name: str(tmp_path / name) for name in ("train", "test")}
    data["corpora"]["notes"] = given | {"limits": {"train_documents": 1}}
    own = read(data).corpora["notes"]
    build(own, tmp_path / "out", None)
    [part] = own.parts(tmp_path / "out")
    heads = [d.relations[0].head for path in (part.train, part.test) for d in open_corpus(path)]
    assert heads == ["T1", "T1"]
    # Where folders are read as they are, the gold is read as the run had it.
    settings = given | {"malformed": "raise", "unannotated": "error"}
    [gold] = DocumentSets()(settings, "test")
    assert gold.relations[0].head == "T1"
