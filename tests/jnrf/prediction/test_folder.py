"""The folder of predictions: nothing of someone else's is written over."""

import json

import pytest
from predicting import predict, write_lines
from tiny_corpus import write_corpus

from jnrf.corpora.columns import write_columns
from jnrf.prediction.folder import ERRORS, KEPT, MARK, claim_folder, write_errors
from jnrf.prediction.notes import Fault
from jnrf.prediction.sources import open_source
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError


def claim(out, source, to="brat", overwrite=False):
    return claim_folder(out, "m", overwrite, open_source(source)[0], str(source), to)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "in").mkdir()
    return write_lines(tmp_path / "in" / "x.jsonl", {"a": "b"})


def test_annotations_that_predict_did_not_write_are_not_written_over(tmp_path):
    gold = write_corpus(tmp_path / "gold")
    before = (gold / "note0.ann").read_bytes()
    with pytest.raises(InputError, match=r"did not write.*give another --out, or --overwrite"):
        claim(gold, gold)
    assert (gold / "note0.ann").read_bytes() == before
    assert not (gold / MARK).exists()
    assert claim(gold, gold, overwrite=True) == gold


def test_nor_are_those_in_subfolders(notes, tmp_path):
    write_corpus(tmp_path / "out" / "deep" / "deeper")
    with pytest.raises(InputError, match=r"holds \.ann files"):
        claim(tmp_path / "out", notes)


def test_the_mark_of_one_format_is_no_licence_for_another(tmp_path, notes):
    out = tmp_path / "out"
    write_columns([Document("x-0001", "He .")], out / "x.tsv")
    with pytest.raises(InputError, match=r"holds \.tsv files that jnrf predict did not write"):
        claim(out, notes, "columns")
    assert claim(out, notes) == out
    with pytest.raises(InputError, match=r"holds \.tsv files"):
        claim(out, notes, "columns")
    assert claim(out, notes, "columns", overwrite=True) == out
    assert claim(out, notes, "columns") == out


def test_texts_of_notes_that_stand_there_are_not_written_over(table, notes):
    with pytest.raises(InputError, match=r"holds \.txt files"):
        claim(notes, table)


def test_a_mark_of_an_earlier_version_is_for_ann_files(tmp_path, notes):
    out = tmp_path / "out"
    out.mkdir()
    (out / MARK).write_text('{"made_by": "jnrf predict", "model": "m"}')
    (out / "a.ann").write_text("")
    (out / "a.json").write_text("")
    assert claim(out, notes) == out
    with pytest.raises(InputError, match=r"holds \.json files"):
        claim(out, notes, "json")


@pytest.mark.parametrize("mark", ["", "[]", "{", '{"writes": [".ann"]'])
def test_a_damaged_mark_is_no_licence(tmp_path, notes, mark):
    out = write_corpus(tmp_path / "out")
    (out / MARK).write_text(mark)
    with pytest.raises(InputError, match=r"holds \.ann files"):
        claim(out, notes)


def test_the_input_is_never_written_over(tmp_path, table):
    write_columns([Document("x-0001", "He .")], tmp_path / "x.tsv")
    with pytest.raises(InputError, match="would be written over it"):
        claim(tmp_path, tmp_path / "x.tsv", "columns", overwrite=True)
    with pytest.raises(InputError, match=r"holds the input, x\.jsonl"):
        claim(table.parent, table, "jsonl", overwrite=True)


def test_parts_of_another_input_are_not_mixed_with_these(predictor, tmp_path, table):
    other = write_lines(tmp_path / "other.jsonl", {"c": "d"})
    predict(predictor, table, tmp_path / "out")
    with pytest.raises(InputError, match=r"holds the predictions for .*x\.jsonl"):
        claim(tmp_path / "out", other, "jsonl")
    assert claim(tmp_path / "out", table, "jsonl")
    assert claim(tmp_path / "out", other, "jsonl", overwrite=True)


def test_a_file_is_no_folder(tmp_path, notes):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder"):
        claim(tmp_path / "out", notes)
    with pytest.raises(InputError, match="cannot write"):
        claim(tmp_path / "out" / "deeper", notes)
    with pytest.raises(InputError, match="looks like a file, but predictions are a folder"):
        claim(tmp_path / "out.jsonl", notes)


@pytest.mark.parametrize("name", [ERRORS, KEPT])
def test_a_list_that_is_not_of_predict_is_not_written_over(tmp_path, notes, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(InputError, match=rf"{name} is not of jnrf predict.*--overwrite"):
        claim(out, notes)
    assert not (out / MARK).exists()
    assert claim(out, notes, overwrite=True) == out
    assert claim(out, notes) == out


def test_annotations_with_an_ending_in_capitals_are_someones_too(tmp_path, notes):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "A.ANN").write_text("")
    with pytest.raises(InputError, match=r"holds \.ann files"):
        claim(tmp_path / "out", notes)


def test_errors_are_lines_of_json_and_no_file_where_there_is_none(tmp_path):
    write_errors(tmp_path, [Fault("a.txt", "why\n", None), Fault("b:1", "é", "n")])
    lines = (tmp_path / ERRORS).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": None, "place": "a.txt", "reason": "why\n"},
        {"id": "n", "place": "b:1", "reason": "é"},
    ]
    write_errors(tmp_path, [])
    assert not (tmp_path / ERRORS).exists()


def test_receipts_and_marks_are_no_predictions_of_someone_else(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "out", "brat")
    assert claim(tmp_path / "out", notes, "json")
