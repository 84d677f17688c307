"""Corpora to learn from: what is missing stops the run, unless a person chose otherwise."""

from __future__ import annotations

import shlex

import pytest

from jnrf.cli import main
from jnrf.corpora.annotated import IN_STUDY, read_annotated
from jnrf_ext.errors import InputError

ANN = "T1\tDrug 0 4\tiron\n"


@pytest.fixture
def corpus(tmp_path):
    """Two notes, one of which nobody has annotated."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text("iron")
    (folder / "a.ann").write_text(ANN)
    return folder


def test_texts_without_annotations_stop_by_default(corpus):
    with pytest.raises(InputError) as error:
        read_annotated(corpus)
    expected = f"{corpus}: no .ann, .a1 or .a2 beside 1 of 2 texts: b; annotate them"
    assert str(error.value).startswith(expected)


@pytest.mark.parametrize(("choice", "ids"), [("empty", ["a", "b"]), ("skip", ["a"])])
def test_what_was_chosen_is_done_and_said(corpus, recwarn, choice, ids):
    documents, [said] = read_annotated(corpus, unannotated=choice)
    assert [document.id for document in documents] == ids
    assert f"(data.unannotated {choice})" in said
    assert "1 of 2 texts: b" in said
    assert not list(recwarn)


def test_an_empty_annotation_file_says_that_there_is_nothing(corpus):
    (corpus / "b.ann").write_text("")
    documents, said = read_annotated(corpus)
    assert len(documents) == 2
    assert said == []


def test_a_text_of_white_space_needs_no_annotation_file(corpus):
    (corpus / "b.txt").write_text(" \n")
    documents, said = read_annotated(corpus)
    assert [document.id for document in documents] == ["a", "b"]
    assert said == []


def test_other_notices_are_handed_back(corpus):
    (corpus / "b.con").write_text("")
    _, said = read_annotated(corpus, unannotated="skip")
    assert ["1 .con" in line for line in said] == [True, False]


@pytest.mark.parametrize("choice", ["empty", "skip"])
def test_a_corpus_without_any_mention_is_an_error(corpus, choice):
    (corpus / "a.ann").write_text("")
    with pytest.raises(InputError, match="no mention in"):
        read_annotated(corpus, unannotated=choice)
    with pytest.raises(InputError, match="no mention in its one document; check"):
        read_annotated(corpus / "b.txt", unannotated="empty")


def test_a_single_text_without_annotations_counts_as_one(corpus):
    with pytest.raises(InputError, match=r"beside 1 of 1 texts: b; annotate"):
        read_annotated(corpus / "b.txt")


def test_settings_are_named_as_they_are_given(corpus):
    for spelled, expected in ((IN_STUDY, "data.{}: {} under settings"), (None, "--data.{} {}")):
        with pytest.raises(InputError) as error:
            read_annotated(corpus, **({"spelled": spelled} if spelled else {}))
        assert expected.format("unannotated", "skip") in str(error.value)
    (corpus / "b.ann").write_text("oops\n")
    with pytest.raises(InputError, match=r"counted \(--data\.malformed count\)"):
        read_annotated(corpus)
    assert len(read_annotated(corpus, "count")[0]) == 2


@pytest.mark.parametrize("remedy", ["skip", "empty"])
def test_train_takes_the_remedies_that_it_names(corpus, tmp_path, capsys, remedy):
    command = ["train", "--train", str(corpus), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    said = capsys.readouterr().err
    named = next(w.strip(" ();") for w in said.split("(") if f"unannotated {remedy}" in w)
    options = shlex.split(named.partition(")")[0])
    assert main([*command, *options, "--print-config"]) == 0
    assert f"unannotated: {remedy}" in capsys.readouterr().out
