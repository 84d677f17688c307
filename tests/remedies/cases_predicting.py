"""Remedies for extraction and bulk prediction."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from authors_model import AuthorsModel
from place import TEXT, Place, remedy

from jnrf_ext import Tokenizer


@remedy(
    "is not a model folder; give a folder made by save_pretrained or `jnrf train`",
    "not a model folder; give one made by save_pretrained or `jnrf train` (such as RUN/best)",
)
def the_model_of_a_run_lies_in_best(place: Place) -> None:
    place.fails("extract", place.corpus(), TEXT)
    place.fails("extract", "no model", TEXT)
    assert place.model.name == "best"
    place.works("extract", place.model, TEXT)


def predict(place: Place, *words) -> tuple:
    """A prediction of two notes."""
    return ("predict", place.model, place.corpus("notes"), *words)


@remedy("--workers is for --ray; on one machine one model uses all threads")
def workers_are_a_clusters(place: Place) -> None:
    words = predict(place, "--out", place.path / "out")
    place.fails(*words, "--workers", 2)
    place.works(*words)


@remedy("--ray needs files: standard input and output belong to one process")
def a_cluster_needs_files(place: Place) -> None:
    notes = place.write("x.jsonl", json.dumps({"id": "a", "text": TEXT}) + "\n")
    place.fails("predict", place.model, notes, "--out", "-", "--ray")
    place.works("predict", place.model, notes, "--out", "-")
    place.works("predict", place.model, notes, "--out", place.path / "out")


@remedy("--strict cannot stop a cluster in order; see errors.jsonl afterwards")
def notes_left_out_are_listed(place: Place) -> None:
    words = predict(place, "--out", place.path / "out")
    place.write("notes/bad.txt", b"\xff")
    place.fails(*words, "--ray", "--strict")
    assert place.jnrf(*words)[0] == 1
    assert "bad" in (place.path / "out/errors.jsonl").read_text()


@remedy("--int8 and --bf16 always exclude each other; give one of them")
def one_way_to_calculate(place: Place) -> None:
    words = predict(place, "--out")
    place.fails(*words, place.path / "both", "--int8", "--bf16", "always")
    place.works(*words, place.path / "int8", "--int8")
    place.works(*words, place.path / "bf16", "--bf16", "always")


@remedy("--out {} looks like a file, but predictions are a folder of parts; give --out {}")
def predictions_are_a_folder(place: Place) -> None:
    words = predict(place, "--to", "jsonl", "--out")
    said = place.fails(*words, place.path / "found.jsonl")
    place.works(*words, said.split()[-1])


@remedy(
    "files that jnrf predict did not write, perhaps annotations made by hand; give another --out"
)
def files_made_by_hand_are_kept(place: Place) -> None:
    place.write("out/a.ann", "T1\tX 0 2\tHe\n")
    words = predict(place, "--out")
    place.fails(*words, place.path / "out")
    place.works(*words, place.path / "other")
    place.works(*words, place.path / "out", "--overwrite")


@remedy("holds the predictions for {}; give another --out, or --overwrite to lose them")
def predictions_for_other_notes_are_kept(place: Place) -> None:
    words = predict(place, "--to", "jsonl", "--out")
    place.works(*words, place.path / "out")
    other = ("predict", place.model, place.corpus("more", seed=3), "--to", "jsonl", "--out")
    place.fails(*other, place.path / "out")
    place.works(*other, place.path / "other")
    place.works(*other, place.path / "out", "--overwrite")


@remedy(
    "predictions for {} would be written over it; give another --out",
    "holds the input, {}; give another --out",
)
def what_is_read_is_not_written_over(place: Place) -> None:
    place.works("convert", place.corpus(), place.path / "json", "--to", "json")
    for read, to in (
        (place.path / "json", "json"),
        (place.write("rows/x.jsonl", json.dumps({"id": "a", "text": TEXT}) + "\n"), "jsonl"),
    ):
        folder = read if read.is_dir() else read.parent
        words = ("predict", place.model, read, "--to", to, "--out")
        place.fails(*words, folder)
        place.works(*words, place.path / f"found-{to}")


@remedy("more were there already (--again does them anew)")
def what_is_there_is_done_anew(place: Place) -> None:
    words = predict(place, "--out", place.path / "out")
    place.works(*words)
    assert "2 more were there already" in place.works(*words)
    assert "there already" not in place.works(*words, "--again")


@remedy("lists all, --overwrite-corrected writes over {}")
def corrected_predictions_are_written_over_if_told(place: Place) -> None:
    words = predict(place, "--out", place.path / "out")
    place.works(*words)
    found = place.path / "out/note0.ann"
    predicted = found.read_text()
    place.write("out/note0.ann", "T1\tDrug 0 2\tHe\n")
    # Other settings make all predictions anew.
    for more in ("--again", "--overwrite"):
        assert "not written over" in place.works(*words, more)
        assert found.read_text() != predicted
    (row,) = map(json.loads, (place.path / "out/kept.jsonl").read_text().splitlines())
    assert row["file"] == "note0.ann"
    assert "not written over" not in place.works(*words, "--overwrite-corrected")
    assert found.read_text() == predicted


@remedy("is not of jnrf predict, which lists notes there; give another --out, or --overwrite")
def a_list_of_someone_else_is_kept(place: Place) -> None:
    words = predict(place, "--out")
    for name in ("errors.jsonl", "kept.jsonl"):
        place.write(f"{name}-out/{name}", "mine\n")
        assert name in place.fails(*words, place.path / f"{name}-out")
        place.works(*words, place.path / "other")
        place.works(*words, place.path / f"{name}-out", "--overwrite")


@remedy("--delimiter must be tab, or one character that is no quote or line break")
def a_delimiter_is_one_character(place: Place) -> None:
    for number, (wrong, right) in enumerate((("::", ":"), ("", "tab"), ('"', "'"))):
        between = {"tab": "\t"}.get(right, right)
        rows = place.write(f"{number}.csv", f"id{between}text\na{between}{TEXT}")
        words = ("predict", place.model, rows, "--out", place.path / str(number), "--delimiter")
        place.fails(*words, wrong)
        assert "1 documents" in place.works(*words, right)


@remedy(
    "has no column {} (it has {}); give --{}-column NAME",
    "has no column {} among its {}; give --{}-column NAME, or put a row of names before the notes",
    "has {} columns {}; rename or drop all but one, or give another --{}-column NAME",
)
def columns_are_named(place: Place) -> None:
    words = ("predict", place.model)
    named, row = ("--text-column", "note", "--id-column", "mrn"), f'a,"{TEXT}"\n'
    for name, header, options in (
        ("none", "", ()),
        ("other", "mrn,note\n", named),
        ("one", "id,note\n", named[:2]),
        ("twice", "text,text,id,note\n", named[:2]),
    ):
        rows = place.write(f"{name}.csv", header + (row if name != "twice" else f"x,x,{row}"))
        out = ("--out", place.path / name)
        assert "-column NAME" in place.fails(*words, rows, *out)
        if name == "none":
            rows.write_text(f"id,text\n{row}")
        place.works(*words, rows, *out, *options)


@remedy("--{} must be at least {}")
def least_numbers_are_taken(place: Place) -> None:
    words = predict(place, "--out", place.path / "out")
    for option, wrong, least in (
        ("--batch-tokens", 0, 1),
        ("--part-tokens", 0, 1),
        ("--threads", -1, 0),
        ("--workers", -1, 0),
    ):
        place.fails(*words, f"{option}={wrong}")
        place.works(*words, f"{option}={least}", "--again")


@remedy("or pipe JSON lines into jnrf predict MODEL -")
def what_a_pipe_gives_is_written_or_piped(place: Place) -> None:
    pipe = place.path / "notes"
    os.mkfifo(pipe)
    words = ("predict", place.model)
    place.fails(*words, pipe, "--out", place.path / "out")
    lines = json.dumps({"id": "a", "text": TEXT}) + "\n"
    place.works(*words, place.write("notes.jsonl", lines), "--out", place.path / "out")
    for out in ("-", place.path / "piped"):
        place.patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
        place.works(*words, "-", "--out", out)


@remedy("unpack {} first: gunzip {} {}")
def compressed_corpora_are_unpacked(place: Place) -> None:
    sentence = json.dumps({"tokens": TEXT.split(), "entities": [], "relations": []}) + "\n"
    for name, content, to in (
        ("a note's.txt", TEXT, "brat"),
        ("documents.json", json.dumps([{"id": "a", "text": TEXT, "mentions": []}]), "json"),
        ("sentences.jsonl", sentence, "tokens"),
    ):
        packed = place.write(f"{to}/{name}.gz", gzip.compress(content.encode()))
        words = ("--to", to, "--out", place.path / f"{to}-out")
        said = place.fails("predict", place.model, packed, *words)
        subprocess.run(re.search(r"gunzip .*", said)[0], shell=True, check=True, cwd=place.path)
        place.works("predict", place.model, packed.with_suffix(""), *words)
    folder = place.path / "many"
    for name in "ab":
        place.write(f"many/{name}.jsonl.gz", gzip.compress(sentence.encode()))
    words = ("predict", place.model, folder, "--to", "tokens", "--out", place.path / "out")
    said = place.fails(*words)
    subprocess.run(re.search(r"gunzip .*", said)[0], shell=True, check=True, cwd=place.path)
    place.works(*words)


@remedy("zcat {} | {} > {}")
def tables_of_other_encodings_are_converted_as_told(place: Place) -> None:
    row = json.dumps({"id": "a", "text": TEXT}) + "\n"
    for name, content in (("x.jsonl", row), ("x.csv", f'id,text\na,"{TEXT}"\n'), ("x.txt", TEXT)):
        for packed in (False, True) if name != "x.txt" else (False,):
            data = content.encode("utf-16")
            folder = place.path / f"{name} {packed}"
            file = folder / f"{name}{'.gz' * packed}"
            place.write(f"{folder.name}/{file.name}", gzip.compress(data) if packed else data)
            words = ("predict", place.model, folder, "--out", place.path / f"{name}-{packed}")
            status, said = place.jnrf(*words)
            assert status in (1, 2), said
            command = re.search(r"(zcat .* \| )?iconv .*", said)[0]
            subprocess.run(command, shell=True, check=True, cwd=place.path)
            file.unlink()
            (folder / f"{name}.utf8").replace(folder / name)
            place.works(*words)


@remedy("standard input is compressed; unpack it before: zcat FILE | ...")
def compressed_input_is_unpacked_before(place: Place) -> None:
    lines = json.dumps({"id": "a", "text": TEXT}).encode() + b"\n"
    packed = place.write("x.jsonl.gz", gzip.compress(lines))
    words = ("predict", place.model, "-", "--out", "-")
    place.patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed.read_bytes())))
    place.fails(*words)
    given = subprocess.run(["zcat", packed], check=True, capture_output=True).stdout
    place.patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    place.works(*words)


def renamed(place: Place, **names: str) -> Path:
    """A copy of the model, whose types of mentions have other names."""
    folder = place.path / "renamed"
    shutil.copytree(place.model, folder)
    config = (folder / "config.json").read_text()
    for old, new in names.items():
        config = re.sub(rf'"([BI]-)?{old}"', rf'"\g<1>{new}"', config)
    (folder / "config.json").write_text(config)
    return folder


@remedy(
    "{}, or give --to jsonl, which has both",
    "names there have no white space; give --to jsonl, which can",
)
def labels_that_a_format_cannot_hold_are_held_by_json_lines(place: Place) -> None:
    model = renamed(place, Drug="a b", Strength="a_b")
    words = ("predict", model, place.corpus("notes"), "--out", place.path / "out", "--to")
    for to in ("brat", "columns"):
        place.fails(*words, to)
    place.works(*words, "jsonl")
    assert '"a b"' in next((place.path / "out").glob("*.jsonl")).read_text()


@remedy("standard output takes JSON lines, not {}; give --out DIR")
def other_formats_are_folders(place: Place) -> None:
    words = predict(place, "--to", "brat", "--out")
    place.fails(*words, "-")
    place.works(*words, place.path / "out")


@remedy(
    "has a file for each file of the input, which {} cannot have; give --to jsonl, parquet or brat"
)
def notes_of_a_table_become_rows(place: Place) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    parquet.write_table(pa.table({"id": ["a"], "text": [TEXT]}), place.path / "x.parquet")
    words = ("predict", place.model, place.path / "x.parquet", "--out")
    place.fails(*words, place.path / "out", "--to", "tokens")
    for to in ("jsonl", "parquet", "brat"):
        place.works(*words, place.path / to, "--to", to)


@remedy("Parquet needs pyarrow, which is not installed; pip install 'jnrf_ext[parquet]'")
def parquet_needs_a_package(place: Place) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    words = predict(place, "--to", "parquet", "--out", place.path / "out")
    with place.without("pyarrow", "pyarrow.parquet"):
        place.fails(*words)
    place.works(*words)


@remedy("(--to {} cannot hold it)")
def what_a_format_cannot_hold_is_told_once(place: Place) -> None:
    words = predict(place, "--out")
    assert "cannot hold it" in place.works(*words, place.path / "tokens", "--to", "tokens")
    assert "cannot hold it" not in place.works(*words, place.path / "json", "--to", "json")


@remedy("next: jnrf predict {} NOTES_FOLDER --out PREDICTIONS")
def an_imported_model_predicts(place: Place) -> None:
    types = ["ADE", "Drug"]
    tags = [f"{part}-{type}" for part in "BI" for type in types] + ["O"]
    tokenizer = Tokenizer.train([TEXT] * 3, 60)
    theirs = AuthorsModel(tokenizer.vocab_size + 4, 24, 16, 2, 3, len(tags), 2, [1, 3], [0, 2])
    torch.save(theirs.state_dict(), place.path / "state.pt")
    labels = place.write("labels.json", json.dumps({"tags": tags, "relations": ["ADE-Drug", "Z"]}))
    tokenizer.save(place.path / "tokenizer.json")
    said = place.works(
        *("import-reference", place.path / "state.pt", "--labels", labels),
        *("--tokenizer", place.path / "tokenizer.json", "--out", place.path / "imported"),
    )
    words = shlex.split(said.partition("next: jnrf ")[2])
    given = {"NOTES_FOLDER": place.corpus("notes"), "PREDICTIONS": place.path / "found"}
    place.works(*(given.get(word, word) for word in words))


@remedy("--delimiter must be tab, or one character that is no quote or line break")
def fields_are_divided_by_one_character(place: Place) -> None:
    table = place.write("notes.csv", f"id:text\n1:{TEXT}")
    words = ("predict", place.model, table, "--out", place.path / "out", "--delimiter")
    for wrong in ("::", '"', "\n"):
        place.fails(*words, wrong)
    place.works(*words, ":")


@remedy("which lists notes there; give another --out, or --overwrite to lose it")
def a_list_of_someone_else_s_is_kept(place: Place) -> None:
    words, theirs = predict(place, "--out"), place.write("out/kept.jsonl", "theirs")
    place.fails(*words, theirs.parent)
    place.works(*words, place.path / "other")
    assert theirs.read_text() == "theirs"
    place.works(*words, theirs.parent, "--overwrite")


@remedy("pipe JSON lines into jnrf predict MODEL -")
def what_is_no_file_is_piped(place: Place) -> None:
    os.mkfifo(place.path / "pipe")
    words = ("--out", place.path / "out")
    place.fails("predict", place.model, place.path / "pipe", *words)
    lines = io.BytesIO(json.dumps({"id": "a", "text": TEXT}).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(lines))
        place.works("predict", place.model, "-", *words)
