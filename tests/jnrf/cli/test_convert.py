"""``jnrf convert``: nothing is lost on the way, and mistakes are one line."""

from __future__ import annotations

import argparse
import json
from collections import Counter

import pytest

from jnrf.cli import convert as convert_command
from jnrf.cli import main
from jnrf.corpora import open_corpus, phee, sentences
from jnrf.corpora.json import write_json
from jnrf_ext.documents.document import Document

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
    source, lines, brat = shared_data / corpus, tmp_path / "all.jsonl", tmp_path / "brat"
    assert main(["convert", str(source), str(lines), "--to", "json"]) == 0
    assert main(["convert", str(lines), str(brat), "--to", "brat"]) == 0
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
    # JSON and brat do not say that their texts were tokens.
    words = [] if through == "tokens" else ["--words", "spaces"]
    assert main(["convert", str(middle), str(back), "--to", format, *words]) == 0
    assert open_corpus(back) == documents
    if through != "brat":
        names = {p.name for p in (shared_data / source).iterdir() if p.suffix != ".md"}
        assert {p.name for p in back.iterdir()} == names


def convert(*words) -> int:
    return main(["convert", *map(str, words)])


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


FORMATS = [
    ("brat", "out", "a.ann"),
    ("json", "out", "a.json"),
    ("json", "out.jsonl", None),
    ("tokens", "out", "a.json"),
    ("tokens", "out.json", None),
    ("columns", "out", "a.tsv"),
    ("columns", "out.tsv", None),
]


@pytest.mark.parametrize(("format", "name", "file"), FORMATS)
def test_what_stands_there_is_written_over_by_a_flag_alone(
    corpus, tmp_path, capsys, format, name, file
):
    out = tmp_path / name
    assert convert(corpus, out, "--to", format) == 0
    made = out / file if file else out
    expected = made.read_bytes()
    made.write_text("corrected by hand")
    assert convert(corpus, out, "--to", format) == 2
    said = capsys.readouterr().err
    assert made.read_text() == "corrected by hand"
    assert "give another OUT, or --overwrite to write over files" in said
    assert said.count("\n") == 1
    assert convert(corpus, out, "--to", format, "--overwrite") == 0
    assert made.read_bytes() == expected


@pytest.mark.parametrize("format", ["brat", "json", "tokens", "columns"])
@pytest.mark.parametrize("name", ["b.txt", "b.ANN", "old.json", "old.JSONL", "old.tsv"])
def test_a_folder_with_other_documents_is_refused(corpus, tmp_path, capsys, format, name):
    """They would be read as part of the corpus; neither is anything of it lost."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("old")
    (out / "README.md").write_text("ours")
    before = files(out)
    for flags in ([], ["--overwrite"]):
        assert convert(corpus, out, "--to", format, *flags) == 2
        assert files(out) == before
    said = capsys.readouterr().err.splitlines()
    assert f"{out} holds {name}; give another OUT" in said[0]
    assert f"{out} holds {name}, which would be read together with the new files" in said[1]
    (out / name).unlink()  # as the second one says
    assert convert(corpus, out, "--to", format) == 0
    assert (out / "README.md").read_text() == "ours"


def test_a_file_that_is_read_is_never_written_over(corpus, tmp_path, capsys):
    assert convert(corpus, tmp_path / "in" / "a.json", "--to", "json") == 0
    before = files(tmp_path / "in")
    assert convert(tmp_path / "in" / "a.json", tmp_path / "in", "--to", "json", "--overwrite") == 2
    assert "a.json is read, and would be written over; give another OUT" in capsys.readouterr().err
    assert convert(corpus / "a.txt", corpus, "--to", "brat", "--overwrite") == 2
    assert files(tmp_path / "in") == before
    assert (corpus / "a.ann").read_text() == ANN


def test_names_that_brat_cannot_hold_are_changed_and_counted(tmp_path, capsys):
    sentence = {"tokens": ["Bob", "in", "Rome"], "relations": [[0, 1, 2, 3, "Located in"]] * 2}
    sentence["entities"] = [[0, 1, "Person"], [2, 3, "A place"]]
    (tmp_path / "x.json").write_text(json.dumps([sentence]))
    assert convert(tmp_path / "x.json", tmp_path / "out", "--to", "brat") == 0
    assert (tmp_path / "out" / "x-0001.ann").read_text() == (
        "T1\tPerson 0 3\tBob\nT2\tA_place 7 11\tRome\n"
        "R1\tLocated_in Arg1:T1 Arg2:T2\nR2\tLocated_in Arg1:T1 Arg2:T2\n"
    )
    assert capsys.readouterr().out.endswith(
        "changed or left out, as --to brat cannot hold it:\n"
        "  1 x entity type 'A place' (written A_place)\n"
        "  2 x relation type 'Located in' (written Located_in)\n"
    )


def test_two_names_that_would_become_one_are_an_error_before_anything_is_written(tmp_path, capsys):
    items = [{"tokens": ["a"], "entities": [[0, 1, type]]} for type in ("a b", "a_b")]
    (tmp_path / "x.json").write_text(json.dumps(items))
    assert convert(tmp_path / "x.json", tmp_path / "out", "--to", "brat") == 2
    said = capsys.readouterr().err
    assert "the entity types 'a b' and 'a_b' would become one" in said
    assert not (tmp_path / "out").exists()


def test_offsets_in_other_units_are_read_as_the_warning_says(tmp_path, capsys):
    text = "\U0001f600 took aspirin"
    mention = {"id": "T1", "type": "Drug", "fragments": [[8, 15]], "text": "aspirin"}
    (tmp_path / "x.json").write_text(json.dumps({"id": "x", "text": text, "mentions": [mention]}))
    assert convert(tmp_path / "x.json", tmp_path / "a", "--to", "brat") == 2  # past the end
    assert "jnrf convert --offsets utf-16" in capsys.readouterr().err
    (tmp_path / "x.json").write_text(
        json.dumps({"id": "x", "text": f"{text} daily", "mentions": [mention]})
    )
    assert convert(tmp_path / "x.json", tmp_path / "b", "--to", "brat") == 0
    assert "1 x mention text disagrees with the text" in (said := capsys.readouterr().out)
    assert "jnrf convert --offsets utf-16" in said
    assert convert(tmp_path / "x.json", tmp_path / "c", "--to", "brat", "--offsets", "utf-16") == 0
    assert (tmp_path / "c" / "x.ann").read_text() == "T1\tDrug 7 14\taspirin\n"
    assert "disagrees" not in capsys.readouterr().out


def test_words_follow_the_source_unless_they_are_chosen(corpus, tmp_path):
    (corpus / "a.txt").write_text("iron dark and stool, q.d.")
    assert convert(corpus, tmp_path / "a.tsv", "--to", "columns") == 0
    assert [d.text for d in open_corpus(tmp_path / "a.tsv")] == ["iron dark and stool , q . d ."]
    assert convert(corpus, tmp_path / "b.tsv", "--to", "columns", "--words", "spaces") == 0
    assert [d.text for d in open_corpus(tmp_path / "b.tsv")] == ["iron dark and stool, q.d."]
    assert convert(tmp_path / "b.tsv", tmp_path / "b.json", "--to", "tokens") == 0
    assert open_corpus(tmp_path / "b.json") == open_corpus(tmp_path / "b.tsv")


def test_an_export_gives_no_mention_away(shared_data, tmp_path, capsys):
    """The words of real documents are those of the same texts without mentions."""
    bare = [Document(d.id, d.text) for d in open_corpus(shared_data / "phee-n2c2/dev")]
    write_json(bare, tmp_path / "bare.json")
    for source, name in ((shared_data / "phee-n2c2/dev", "gold"), (tmp_path / "bare.json", "bare")):
        assert convert(source, tmp_path / f"{name}-out", "--to", "columns") == 0
    words = [[d.text for d in open_corpus(tmp_path / f"{name}-out")] for name in ("gold", "bare")]
    assert words[0] == words[1]
    assert not any(d.warnings for d in open_corpus(tmp_path / "gold-out"))


def test_choices_of_json_are_for_json(corpus, tmp_path, capsys):
    for flags in (["--offsets", "utf-8"], ["--phee-labels", "own"], ["--phee-words", "9"]):
        assert convert(corpus, tmp_path / "out", "--to", "brat", *flags) == 2
        assert "are for .json and .jsonl files" in capsys.readouterr().err
    assert convert(corpus, tmp_path / "out", "--to", "brat", "--phee-words", "0") == 2
    assert "--phee-words must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("item", "flags", "complaint"),
    [
        ({"tokens": ["a"]}, ["--offsets", "utf-8"], "holds sentences of tokens; leave out --off"),
        (
            {"id": "1_1", "context": "a", "annotations": []},
            ["--offsets", "utf-8"],
            "holds PHEE, wh",
        ),
        ({"id": "a", "text": "a"}, ["--phee-words", "9"], "does not hold PHEE; leave out --phee"),
        ({"tokens": ["a"]}, ["--phee-labels", "own"], "does not hold PHEE; leave out --phee"),
    ],
)
def test_a_choice_that_a_file_has_no_use_for_is_an_error(tmp_path, capsys, item, flags, complaint):
    (tmp_path / "x.json").write_text(json.dumps([item]))
    assert convert(tmp_path / "x.json", tmp_path / "out", "--to", "brat", *flags) == 2
    assert complaint in capsys.readouterr().err
    assert convert(tmp_path / "x.json", tmp_path / "out", "--to", "brat") == 0  # as it says


def test_the_choices_are_those_of_the_readers_and_writers():
    """The command does not load these modules to show its help."""
    parser = argparse.ArgumentParser()
    convert_command.add_arguments(parser)
    choices = {action.dest: action.choices for action in parser._actions}
    assert choices["words"] == sentences.WORDS
    assert choices["phee_labels"] == phee.LABELS


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
