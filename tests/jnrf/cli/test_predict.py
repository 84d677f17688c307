"""``jnrf predict`` as it is typed: forms of input and output, what is said, exit status."""

import io
import json
import logging
import shutil
import sys

import pytest
from predicting import rows, visible, write_lines
from tiny_corpus import write_corpus
from tiny_model import train_tiny_model

from jnrf.cli import main
from jnrf.corpora import open_corpus
from jnrf.corpora.tokens import write_tokens
from jnrf_ext.documents.document import Document

SENTENCE = "He takes aspirin 81 mg for chest pain .\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The path of a model that finds much."""
    return str(train_tiny_model(tmp_path_factory.mktemp("model")))


def predict(model, *args):
    return main(["predict", model, *map(str, args), "--device", "cpu"])


def test_a_folder_of_notes_becomes_annotations_and_a_line_says_how_fast(model, tmp_path, capsys):
    notes = write_corpus(tmp_path / "notes")
    assert predict(model, notes, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.out.startswith("2 documents in ")
    assert "wordpieces/s), written to" in said.out
    assert sorted(visible(tmp_path / "out")) == ["note0.ann", "note1.ann"]
    assert predict(model, notes, "--out", tmp_path / "out") == 0
    assert "2 more were there already" in capsys.readouterr().out
    assert predict(model, notes, "--out", tmp_path / "out", "--again") == 0
    assert "2 documents in" in capsys.readouterr().out


def test_columns_formats_and_texts_are_options(model, tmp_path):
    source = write_lines(tmp_path / "x.jsonl", {"7": SENTENCE}, text="note", id="mrn")
    names = ("--text-column", "note", "--id-column", "mrn")
    assert predict(model, source, "--out", tmp_path / "rows", *names, "--without-text") == 0
    (row,) = rows(tmp_path / "rows")
    assert row["id"] == "7"
    assert "text" not in row
    assert predict(model, source, "--out", tmp_path / "brat", *names, "--to", "brat") == 0
    assert open_corpus(tmp_path / "brat")[0].text == SENTENCE


def test_standard_input_to_standard_output(model, tmp_path, capfdbinary, monkeypatch):
    lines = json.dumps({"id": "a", "text": SENTENCE}) + "\n{\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert predict(model, "-", "--out", "-") == 1
    said = capfdbinary.readouterr()
    (row,) = [json.loads(line) for line in said.out.splitlines()]
    assert (row["id"], row["text"]) == ("a", SENTENCE)
    assert b"left out: standard input:2: not JSON" in said.err
    assert b"1 documents in" in said.err


def test_notes_left_out_are_told_and_make_the_status_one(model, tmp_path, capsys):
    notes = write_corpus(tmp_path / "notes")
    for n in range(7):
        (notes / f"bad{n}.txt").write_bytes(b"SECRET \xff")
    assert predict(model, notes, "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert said.err.count("left out: ") == 5
    assert "7 notes could not be read or predicted" in said.err
    assert "errors.jsonl has all of them" in said.err
    assert "SECRET" not in said.err + said.out
    assert len((tmp_path / "out" / "errors.jsonl").read_text().splitlines()) == 7


def test_corrected_files_are_kept_and_told_and_a_flag_writes_over_them(model, tmp_path, capsys):
    notes, out = write_corpus(tmp_path / "notes", documents=8), tmp_path / "out"
    assert predict(model, notes, "--out", out) == 0
    before = visible(out)
    for n in range(7):
        (out / f"note{n}.ann").write_text("by hand")
    capsys.readouterr()
    assert predict(model, notes, "--out", out, "--int8", "--overwrite") == 0
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("7 files were not written over, for someone has changed or made them: ")
    assert "note0.ann, note1.ann, note2.ann, note3.ann, note4.ann, ...;" in said
    assert said.endswith(f"{out / 'kept.jsonl'} lists all, --overwrite-corrected writes over them")
    assert all((out / f"note{n}.ann").read_text() == "by hand" for n in range(7))
    assert len((out / "kept.jsonl").read_text().splitlines()) == 7
    assert predict(model, notes, "--out", out, "--overwrite-corrected") == 0
    assert "not written over" not in capsys.readouterr().err
    assert visible(out) == before


def test_rows_of_csv_are_annotated_and_a_second_run_goes_on(model, tmp_path, capsys):
    source = tmp_path / "x.csv"
    source.write_text(f'mrn:note\n7:"{SENTENCE}He: ill."\n8:\n')
    options = ("--text-column", "note", "--id-column", "mrn", "--delimiter", ":")
    for said in ("2 documents in ", "2 more were there already"):
        assert predict(model, source, "--out", tmp_path / "out", *options) == 0
        assert said in capsys.readouterr().out
    assert [(row["id"], row["text"]) for row in rows(tmp_path / "out")] == [
        ("7", f"{SENTENCE}He: ill."),
        ("8", ""),
    ]


def test_files_that_are_no_notes_are_told_by_their_endings(model, tmp_path, capsys):
    notes = write_corpus(tmp_path / "notes")
    for name in ("a.pdf", "b.PDF", "c.docx"):
        (notes / name).write_text("")
    assert predict(model, notes, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "passed over, for they are no notes: 2 x .pdf, 1 x .docx\n" in said.err
    assert said.out.startswith("2 documents in ")


def renamed(model, folder, names):
    """A copy of a model whose types have other names."""
    shutil.copytree(model, folder)
    config = (folder / "config.json").read_text()
    for old, new in names.items():
        assert f'"{old}"' in config
        config = config.replace(f'"{old}"', f'"{new}"')
        config = config.replace(f'"B-{old}"', f'"B-{new}"').replace(f'"I-{old}"', f'"I-{new}"')
    (folder / "config.json").write_text(config)
    return str(folder)


def test_white_space_in_labels_becomes_a_line_in_brat_and_is_counted(model, tmp_path, capsys):
    spaced = renamed(model, tmp_path / "m", {"Drug": "Dr ug", "Strength-Drug": "of  drug"})
    notes, out = write_corpus(tmp_path / "notes"), tmp_path / "out"
    assert predict(spaced, notes, "--out", out) == 0
    said = capsys.readouterr().out
    assert "x entity type 'Dr ug' (written Dr_ug) (--to brat cannot hold it)" in said
    assert "x relation type 'of  drug' (written of_drug) (--to brat cannot hold it)" in said
    assert predict(model, notes, "--out", tmp_path / "plain") == 0
    plain = visible(tmp_path / "plain")["note0.ann"].decode()
    expected = plain.replace("\tDrug ", "\tDr_ug ").replace("\tStrength-Drug ", "\tof_drug ")
    assert visible(out)["note0.ann"].decode() == expected != plain
    capsys.readouterr()
    text = (notes / "note0.txt").read_text()
    assert main(["extract", spaced, text, "--to", "brat"]) == 0
    assert "\tDr_ug " in capsys.readouterr().out


def test_labels_that_a_format_cannot_hold_are_told_before_anything_is_made(model, tmp_path, capsys):
    spaced = renamed(model, tmp_path / "m", {"Drug": "a b", "Strength": "a_b"})
    notes, out = write_corpus(tmp_path / "notes"), tmp_path / "out"
    for to, said in (("brat", "would become one"), ("columns", "--to jsonl, which can")):
        assert predict(spaced, notes, "--out", out, "--to", to) == 2
        told = capsys.readouterr().err
        assert said in told
        assert len(told.splitlines()) == 1
        assert not out.exists()
    assert predict(spaced, notes, "--out", out, "--to", "jsonl") == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--batch-tokens", "0"], "--batch-tokens must be at least 1"),
        (["--part-tokens", "0"], "--part-tokens must be at least 1"),
        (["--delimiter", "::"], "--delimiter must be tab, or one character"),
        (["--delimiter", ""], "--delimiter must be tab, or one character"),
        (["--workers", "2"], "--workers is for --ray"),
        (["--int8", "--bf16", "always"], "exclude each other"),
        (["--text-column", "note"], "no column 'note'"),
        (["--to", "xml"], "'xml' is not a valid value"),
    ],
)
def test_mistakes_are_one_line_and_make_no_folder(model, tmp_path, capsys, args, message):
    source = write_lines(tmp_path / "x.jsonl", {"a": SENTENCE})
    try:
        status = predict(model, source, "--out", tmp_path / "out", *args)
    except SystemExit as stop:  # argparse's own
        status = stop.code
    assert status == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_wrong_model_is_told_before_a_folder_is_made(tmp_path, capsys):
    notes = write_corpus(tmp_path / "notes")
    assert predict(str(tmp_path / "none"), notes, "--out", tmp_path / "out") == 2
    assert "is not a model folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_the_format_cannot_hold(model, tmp_path, capsys):
    sentences = [Document(f"x-{n:04d}", SENTENCE.strip()) for n in (1, 2, 3)]
    write_tokens(sentences, tmp_path / "x.json")
    out = tmp_path / "out"
    assert predict(model, tmp_path / "x.json", "--out", out, "--to", "columns") == 0
    said = capsys.readouterr().out
    assert said.startswith("3 documents in ")
    found = sum(len(d.relations) for d in open_corpus_with(model, sentences))
    assert (f"  {found:,} x relation (--to columns cannot hold it)\n" in said) == (found > 0)
    assert [d.id for d in open_corpus(out)] == [d.id for d in sentences]
    assert predict(model, tmp_path / "x.json", "--out", tmp_path, "--to", "tokens") == 2


def open_corpus_with(model, documents):
    from jnrf_ext import JNRF

    texts = [d.text for d in documents]
    return JNRF.from_pretrained(model).extract(texts, ids=[d.id for d in documents])


def test_no_text_reaches_a_log(model, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    source = write_lines(tmp_path / "x.jsonl", {"a": f"SECRET {SENTENCE}"})
    assert predict(model, source, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "SECRET" not in caplog.text + said.out + said.err


@pytest.mark.parametrize("to", ["tokens", "columns"])
def test_tokens_of_the_input_stay_as_they_are(model, tmp_path, to):
    """They are not cut anew at punctuation, or the predictions would not fit the gold tokens."""
    sentence = Document("x-0001", "He took IL-2 81mg/day , b.i.d. for pain .")
    write_tokens([sentence], tmp_path / "x.json", words="spaces")
    assert predict(model, tmp_path / "x.json", "--out", tmp_path / "out", "--to", to) == 0
    assert [d.text for d in open_corpus(tmp_path / "out")] == [sentence.text]
