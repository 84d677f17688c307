"""Remedies for corpora: what inspect, convert and evaluate say, and the readers below them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

from phee_sentences import helped
from place import QUICK, TEXT, Place, remedy

from jnrf_ext.installed import DEFAULT_PACKAGE


@remedy("--on-error count")
def faulty_lines_are_counted(place: Place) -> None:
    corpus, sound = place.corpus(), place.corpus("sound")
    with (corpus / "note0.ann").open("a") as file:
        file.write("T99\tDrug 9000 9001\tx\n")
    for words in (
        ("inspect", corpus),
        ("convert", corpus, place.path / "out", "--to", "json"),
        ("evaluate", corpus, sound),
        ("evaluate", sound, corpus),
    ):
        assert "(--on-error count)" in place.fails(*words)
        assert "bad offsets" in place.works(*words, "--on-error", "count")
    train = ("train", "--train", corpus, "--out", place.path / "run", *QUICK)
    assert "(--data.malformed count)" in place.fails(*train)
    place.works(*train, "--data.malformed", "count")


@remedy("{}; {} (data.unannotated {})")
def texts_without_annotations_are_left_out_or_taken(place: Place) -> None:
    corpus = place.corpus()
    place.write("corpus/empty.txt", "Nothing is here.\n")
    train = ("train", "--train", corpus, *QUICK, "--out")
    said = place.fails(*train, place.path / "run")
    for choice, done in (("skip", "left out"), ("empty", "taken as notes without any mention")):
        (option,) = re.findall(rf"\((--data\.unannotated {choice})\)", said)
        told = place.works(*train, place.path / choice, *option.split())
        assert f"{done} (data.unannotated {choice})" in " ".join(told.split())


@remedy("iconv -f {} -t utf-8")
def other_encodings_are_converted_as_told(place: Place) -> None:
    for name, encoding in (
        ("a.txt", "latin-1"),
        ("it's a note; really.txt", "latin-1"),
        ("marked.txt", "utf-16"),
        ("bare.txt", "utf-16-le"),
        ("other.txt", "utf-16-be"),
        ("line\nend.txt", "latin-1"),
    ):
        content = "café 81 mg, and more than a few words of it"
        text = place.write(f"{encoding}/{name}", content.encode(encoding))
        status, said = place.jnrf("inspect", text.parent)
        assert status == 2
        command = re.search(r"iconv .*", said)[0]
        copy = Path(f"{text}.utf8")
        if ">" not in command:  # the file's name would break the line
            command = f"{command} {shlex.quote(str(text))} > {shlex.quote(str(copy))}"
        subprocess.run(command, cwd=place.path, shell=True, check=True)
        copy.replace(text)
        place.works("inspect", text.parent)
        assert text.read_text().lstrip("\ufeff") == content


@remedy("`jnrf convert --to json` writes them")
def json_is_written_by_convert(place: Place) -> None:
    assert "jnrf convert --to json" in place.fails("inspect", place.write("x.json", "[1]"))
    place.works("convert", place.corpus(), place.path / "documents.json", "--to", "json")
    place.works("inspect", place.path / "documents.json")


@remedy("which --to {} does not write; name a folder, or choose another --to")
def a_file_of_another_format_is_not_written(place: Place) -> None:
    convert = ("convert", place.corpus())
    place.fails(*convert, place.path / "x.json", "--to", "columns")
    place.works(*convert, place.path / "x", "--to", "columns")
    place.works(*convert, place.path / "x.json", "--to", "json")


@remedy("changed or left out, as --to {} cannot hold it:")
def what_a_format_cannot_hold_is_held_by_another(place: Place) -> None:
    convert = ("convert", place.corpus())
    assert "relation" in place.works(*convert, place.path / "columns", "--to", "columns")
    assert "left out" not in place.works(*convert, place.path / "json", "--to", "json")


@remedy("Words (model.units word) are")
def shares_are_of_settings_that_a_training_takes(place: Place) -> None:
    corpus = place.corpus()
    told = " ".join(place.works("inspect", corpus).split())
    settings = re.findall(r"\((model\.\w+ \w+)\)", told)
    assert len(settings) == 3
    for number, setting in enumerate(settings):
        train = ("train", "--train", corpus, "--out", place.path / str(number), *QUICK)
        place.works(*train, *f"--{setting}".split())


@remedy("Give --tokenizer FILE, or")
def wordpieces_are_counted_with_a_tokenizer(place: Place) -> None:
    with place.without(DEFAULT_PACKAGE.replace("-", "_")):
        corpus = place.corpus()
        assert "not counted" in place.works("inspect", corpus)
        tokenizer = place.model / "tokenizer.json"
        assert "not counted" not in place.works("inspect", corpus, "--tokenizer", tokenizer)


@remedy("--metric {} has no official mode; leave out --mode")
def other_metrics_have_one_mode(place: Place) -> None:
    sides = (place.corpus(), place.corpus("found"))
    place.fails("evaluate", *sides, "--metric", "entities", "--mode", "official")
    place.works("evaluate", *sides, "--metric", "entities")


@remedy("--errors has no official mode; leave out --mode")
def errors_have_one_mode(place: Place) -> None:
    sides = (place.corpus(), place.corpus("found"))
    place.fails("evaluate", *sides, "--errors", "--mode", "official")
    place.works("evaluate", *sides, "--errors")


@remedy(
    "does not apply to --mode official, which reads lines as the n2c2 script does; leave it out"
)
def official_mode_reads_as_the_script_does(place: Place) -> None:
    sides = (place.corpus(), place.corpus("found"), "--mode", "official")
    place.fails("evaluate", *sides, "--on-error", "count")
    place.works("evaluate", *sides)


@remedy("add the T line, or use --mode corrected, which follows events")
def events_are_followed_in_corrected_mode(place: Place) -> None:
    lines = "T1\tDrug 0 2\tHe\nE1\tDrug:T1\nR1\tX Arg1:E1 Arg2:T1\n"
    for name in ("gold", "found"):
        place.write(f"{name}/a.txt", TEXT)
        place.write(f"{name}/a.ann", lines)
    sides = (place.path / "gold", place.path / "found")
    place.fails("evaluate", *sides, "--mode", "official")
    place.works("evaluate", *sides, "--mode", "corrected")
    for name in ("gold", "found"):
        place.write(f"{name}/a.ann", lines + "T2\tX 3 8\ttakes\n".replace("T2", "E1"))
        place.write(f"{name}/a.ann", lines.replace("Arg1:E1", "Arg1:T2") + "T2\tX 3 8\ttakes\n")
    place.works("evaluate", *sides, "--mode", "official")


@remedy("--help` lists what there is")
def options_are_listed(place: Place) -> None:
    place.fails("inspect", place.corpus(), "--zzzzzzzz")
    assert "--tokenizer" in place.works("inspect", "--help")


@remedy("another note has the id {}, and both would be one file; see --to jsonl")
def notes_of_one_id_are_lines(place: Place) -> None:
    rows = place.write("x.jsonl", 2 * (json.dumps({"id": "a", "text": TEXT}) + "\n"))
    status, said = place.jnrf(
        "predict", place.model, rows, "--out", place.path / "b", "--to", "brat"
    )
    assert status == 1
    assert "see --to jsonl" in said
    place.works("predict", place.model, rows, "--out", place.path / "rows", "--to", "jsonl")


#: A sentence of tokens.
SENTENCE = {
    "tokens": ["He", "takes", "aspirin"],
    "entities": [{"type": "Drug", "start": 2, "end": 3}],
    "relations": [],
}
UTF16 = {
    "id": "a",
    "text": "💊 aspirin daily",
    "mentions": [{"id": "T1", "type": "Drug", "fragments": [[3, 10]], "text": "aspirin"}],
}


@remedy("jnrf convert --offsets {}")
def offsets_of_other_units_are_converted(place: Place) -> None:
    source = place.write("x.json", json.dumps(UTF16))
    said = place.works("inspect", source)
    command = shlex.split(re.search(r"jnrf (convert --offsets [\w-]+)", " ".join(said.split()))[1])
    out = place.path / "documents.json"
    place.works(*command, source, out, "--to", "json")
    assert "disagree" not in place.works("inspect", out)


@remedy("correct them, or name other units as --offsets")
def units_that_are_no_characters_are_named_anew(place: Place) -> None:
    halves = UTF16 | {"mentions": [UTF16["mentions"][0] | {"fragments": [[1, 10]]}]}
    convert = (
        "convert",
        place.write("x.json", json.dumps(halves)),
        place.path / "out",
        "--to",
        "json",
    )
    place.fails(*convert, "--offsets", "utf-16")
    place.works(*convert, "--offsets", "characters")


@remedy(
    "--phee-words must be at least 1",
    "--offsets, --phee-labels and --phee-words are for .json and .jsonl files, which {} is not",
    "{} does not hold PHEE; leave out --phee-labels and --phee-words",
    "{} holds {}; leave out --offsets",
)
def options_of_json_are_for_json(place: Place) -> None:
    words = (("--phee-words", 1), ("--phee-labels", "own"))
    units = (("--offsets", "utf-16"),)
    sources = (
        (place.corpus(), (*words, *units)),
        (place.write("ours.json", json.dumps(UTF16)), words),
        (place.write("phee.json", json.dumps(helped())), units),
        (place.write("tokens.json", json.dumps([SENTENCE])), (*words, *units)),
    )
    place.fails("convert", sources[0][0], place.path / "out", "--to", "json", "--phee-words", 0)
    for number, (source, not_for_it) in enumerate(sources):
        convert = ("convert", source, place.path / str(number), "--to", "json")
        for options in not_for_it:
            assert options[0] in place.fails(*convert, *options)
        place.works(*convert)
        for options in {*words, *units} - {*not_for_it}:
            place.works(*convert[:2], place.path / f"{number}{options[0]}", *convert[3:], *options)


@remedy("give another OUT, or --overwrite to write over files of the same names")
def files_that_are_there_are_kept(place: Place) -> None:
    convert = ("convert", place.corpus(), "--to", "brat")
    place.works(*convert, place.path / "out")
    place.fails(*convert, place.path / "out")
    place.works(*convert, place.path / "other")
    place.works(*convert, place.path / "out", "--overwrite")


@remedy(
    "jnrf_ext.documents.brat_names.BratNames().fit(document) gives others, as jnrf convert does"
)
def names_that_brat_cannot_hold_are_changed(place: Place) -> None:
    from jnrf_ext.documents.brat_names import BratNames
    from jnrf_ext.documents.document import Document, Mention

    document = Document("a", TEXT, [Mention("m1", "Drug name", ((9, 16),))])
    place.refused(document.to_brat)
    assert "aspirin" in BratNames().fit(document).to_brat()
    place.works(
        "convert", place.write("x.json", document.to_json()), place.path / "o", "--to", "brat"
    )


@remedy("make them again from the texts, jnrf convert cuts all words alike)")
def words_cut_at_mentions_are_cut_again(place: Place) -> None:
    text = "He takes aspirin, then rests, and eats. " * 12
    words, tags = [], []
    for word in text.split():
        drug = word == "aspirin,"
        words += ["aspirin", ","] if drug else [word]
        tags += ["B-Drug", "O"] if drug else ["O"]
    rows = "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
    assert "make them again" in " ".join(place.works("inspect", place.write("x.tsv", rows)).split())
    start, lines = -1, []
    for number in range(12):
        start = text.index("aspirin", start + 1)
        lines.append(f"T{number}\tDrug {start} {start + 7}\taspirin\n")
    place.write("notes/a.txt", text)
    place.write("notes/a.ann", "".join(lines))
    place.works("convert", place.path / "notes", place.path / "columns", "--to", "columns")
    assert "cut at the edge" not in place.works("inspect", place.path / "columns")


@remedy("unexpected argument {}; `{} --help` lists what it takes", "; `{} --help` explains it")
def arguments_are_listed(place: Place) -> None:
    place.fails("inspect", place.corpus(), "another")
    place.fails("inspect")
    assert "CORPUS" in place.works("inspect", "--help")


@remedy("jnrf extract: {} x {}, as brat cannot hold it")
def a_model_whose_names_brat_cannot_hold_gives_json(place: Place) -> None:
    from jnrf_ext.documents.document import Document, Mention

    text = TEXT * 3
    spans = [(at + 9, at + 16) for at in range(0, len(text), len(TEXT))]
    mentions = [Mention(f"T{n}", "Drug name", (span,)) for n, span in enumerate(spans, 1)]
    source = place.write("x.json", Document("a", text, mentions).to_json())
    learnt = ("--run.epochs", 80, "--optim.lr", 0.01, "--model.hidden_size", 32)
    place.works("train", "--train", source, "--out", place.path / "run", *QUICK, *learnt)
    model = place.path / "run/best"
    assert "as brat cannot hold it" in place.works("extract", model, text, "--to", "brat")
    assert "cannot hold" not in place.works("extract", model, text, "--to", "json")
