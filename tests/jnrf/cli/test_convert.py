"""``jnrf convert``: nothing is lost on the way, and mistakes are one line."""

from __future__ import annotations

from collections import Counter

import pytest

from jnrf.cli import main
from jnrf.corpora import open_corpus
from jnrf.corpora.json import write_json

ANN = (
    "T1\tDrug 0 4\tiron\n"
    "T2\tADE 5 9;14 19\tdark stool\n"
    "E1\tADE:T2 Cause:T1\n"
    "R1\tADE-Drug Arg1:E1 Arg2:T1\n"
    "*\tSAME T1 T2\n"
    "A1\tNegated E1\n"
    "N1\tReference T1 RxNorm:90176\tiron\n"
    "#1\tAnnotatorNotes T2\tsure?\n"
)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"iron dark and stool\r\n")
    (folder / "a.ann").write_text(ANN)
    return folder


def test_brat_to_brat_keeps_every_byte_of_a_canonical_file(corpus, tmp_path, capsys):
    assert main(["convert", str(corpus), str(tmp_path / "out"), "--to", "brat"]) == 0
    for name in ("a.txt", "a.ann"):
        assert (tmp_path / "out" / name).read_bytes() == (corpus / name).read_bytes()
    said = capsys.readouterr().out
    assert said == f"1 documents, 2 mentions, 1 relations -> {tmp_path / 'out'}\n"


@pytest.mark.parametrize("name", ["out", "out.json", "out.jsonl"])
def test_brat_to_json_and_back_keeps_every_annotation(corpus, tmp_path, name):
    assert main(["convert", str(corpus), str(tmp_path / name), "--to", "json"]) == 0
    assert open_corpus(tmp_path / name) == open_corpus(corpus)
    assert main(["convert", str(tmp_path / name), str(tmp_path / "back"), "--to", "brat"]) == 0
    assert (tmp_path / "back" / "a.ann").read_text() == ANN


def test_what_was_counted_is_said(corpus, tmp_path, capsys):
    (corpus / "a.ann").write_text(ANN + "T3 oops\n")
    args = ["convert", str(corpus), str(tmp_path / "out"), "--to", "brat"]
    assert main(args) == 2
    assert "a.ann:9: malformed T line" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*args, "--on-error", "count"]) == 0
    assert "  1 x malformed T line\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("out", "format", "complaint"),
    [
        ("corpus", "brat", "IN and OUT are both"),
        ("out.json", "brat", "named like a JSON file"),
        ("corpus/a.txt", "json", "is a file"),
        ("corpus/a.txt", "tokens", "is a file"),
        ("out.tsv", "tokens", "named like a column file"),
        ("out.jsonl", "tokens", "named like a JSON file"),
        ("out.json", "columns", "named like a JSON file"),
    ],
)
def test_mistakes_are_one_line_and_leave_all_as_it_was(
    corpus, tmp_path, capsys, out, format, complaint
):
    assert main(["convert", str(corpus), str(tmp_path / out), "--to", format]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert (corpus / "a.ann").read_text() == ANN


@pytest.mark.parametrize("corpus", ["phee-n2c2/dev", "maccrobat2020"])
def test_real_corpora_survive_brat_to_json_to_brat(shared_data, corpus, tmp_path):
    source, json, brat = shared_data / corpus, tmp_path / "all.jsonl", tmp_path / "brat"
    assert main(["convert", str(source), str(json), "--to", "json"]) == 0
    assert main(["convert", str(json), str(brat), "--to", "brat"]) == 0
    for file in source.glob("*.ann"):
        lines, back = (
            Counter(line.rstrip() for line in path.read_bytes().decode().split("\n") if line)
            for path in (file, brat / file.name)
        )
        assert back == lines
        assert (brat / f"{file.stem}.txt").read_bytes() == file.with_suffix(".txt").read_bytes()


def test_what_tokens_and_columns_cannot_hold_is_said(corpus, tmp_path, capsys):
    lost = (
        "  1 x attribute\n"
        "  1 x discontinuous mention (written as its hull)\n"
        "  1 x event\n"
        "  1 x n-ary relation\n"
        "  1 x normalization\n"
        "  1 x note\n"
    )
    spaces = "  1 x text whose white space became single spaces\n"
    for format, relations in (("tokens", ""), ("columns", "  1 x relation\n")):
        out = tmp_path / format
        assert main(["convert", str(corpus), str(out), "--to", format]) == 0
        assert capsys.readouterr().out == (
            f"1 documents, 2 mentions, 1 relations -> {out}\n"
            f"changed or left out, as --to {format} cannot hold it:\n{lost}{relations}{spaces}"
        )


def test_iobes_is_a_choice(corpus, tmp_path):
    out = tmp_path / "out.conll"
    args = ["convert", str(corpus), str(out), "--to", "columns", "--scheme", "iobes"]
    assert main(args) == 0
    assert out.read_text() == (
        "# sent_id = a\niron\tS-Drug\ndark\tB-ADE\nand\tI-ADE\nstool\tE-ADE\n\n"
    )


@pytest.mark.parametrize(
    ("source", "format"),
    [("conll04", "tokens"), ("bioner/NCBI-disease", "columns")],
)
@pytest.mark.parametrize("through", ["brat", "json", "tokens"])
def test_real_sentences_survive_other_formats(shared_data, tmp_path, source, format, through):
    middle, back = tmp_path / "middle", tmp_path / "back"
    documents = open_corpus(shared_data / source)
    if through == "brat":  # as many files as texts; some will do
        stem = documents[0].id.rpartition("-")[0]
        documents = [d for d in documents if d.id.startswith(stem)][:200]
        write_json(documents, tmp_path / "some.json")
        assert main(["convert", str(tmp_path / "some.json"), str(middle), "--to", through]) == 0
    else:
        out = str(middle) if through == "tokens" else str(middle := tmp_path / "middle.jsonl")
        assert main(["convert", str(shared_data / source), out, "--to", through]) == 0
    assert open_corpus(middle) == documents
    assert main(["convert", str(middle), str(back), "--to", format]) == 0
    assert open_corpus(back) == documents
    if through != "brat":
        names = {p.name for p in (shared_data / source).iterdir() if p.suffix != ".md"}
        assert {p.name for p in back.iterdir()} == names


@pytest.mark.parametrize("command", ["inspect", "convert", "evaluate"])
def test_what_finds_nothing_is_told_on_stderr(tmp_path, capsys, command):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("iron")
    (folder / "a.con").write_text("")
    rest = {"inspect": ["--json"], "convert": [str(tmp_path / "out"), "--to", "json"]}
    status = main([command, str(folder), *rest.get(command, [str(folder)])])
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        f"jnrf {command}: warning: {folder}: not read: 1 .con; texts and annotations are NAME.txt "
        "with NAME.ann, or with NAME.a1 and NAME.a2",
        f"jnrf {command}: warning: {folder}: no .ann, .a1 or .a2 beside 1 of 1 texts: a",
    ]
    kind = "error" if command == "evaluate" else "warning"
    assert said[2].startswith(f"jnrf {command}: {kind}: {folder}: no mention in its one document")
    assert (len(said), status) == (3, 2 if command == "evaluate" else 0)


def test_bionlp_files_become_brats(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("iron")
    (folder / "a.a1").write_text("T1\tDrug 0 4\tiron\n")
    (folder / "a.a2").write_text("E1\tGiven:T1\nR1\tSame Theme:T1 Other:T1\n")
    assert main(["convert", str(folder), str(tmp_path / "out"), "--to", "brat"]) == 0
    written = "T1\tDrug 0 4\tiron\nE1\tGiven:T1\nR1\tSame Theme:T1 Other:T1\n"
    assert (tmp_path / "out" / "a.ann").read_text() == written
