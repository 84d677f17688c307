"""Remedies for extraction, bulk prediction and the service."""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import socket
import sys

import pytest
import torch
from authors_model import AuthorsModel
from place import TEXT, Place, remedy

from jnrf.cli import serve
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


@remedy("not installed; pip install 'jnrf_ext[serve]'")
def the_service_needs_packages(place: Place) -> None:
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        place.fails("serve", place.model)
    serve._check(arguments(place))


def arguments(place: Place, *words) -> argparse.Namespace:
    """The parsed arguments of the service."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args([str(place.model), *map(str, words)])


@remedy(
    "--timeout must be above 0 and at most 86400 seconds",
    "--wait-ms must be at least 0, and not above --timeout",
    "--port must be from 0 to 65535",
)
def limits_of_the_service_are_within_bounds(place: Place) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    for option, wrong, right in (
        ("--timeout", 0, 86400),
        ("--timeout", 86401, 1),
        ("--wait-ms", -1, 0),
        ("--wait-ms", 30001, 30000),
        ("--port", 65536, 65535),
        ("--port", -1, 0),
    ):
        place.fails("serve", place.model, f"{option}={wrong}")
        serve._check(arguments(place, f"{option}={right}"))


@remedy("cannot listen on {} port {}: {}; give another --host or --port")
def a_port_that_is_taken_is_changed(place: Place) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    from jnrf.serve import server

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.fails("serve", place.model, "--port", taken.getsockname()[1])
        server.listen("127.0.0.1", 0).close()


@remedy("this service does not go by that host name; --allow-host NAME admits it")
def a_name_of_the_service_is_admitted(place: Place) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="starlette is not installed")
    from starlette.responses import JSONResponse

    from jnrf.serve.guard import Guard, Hosts

    async def answer(scope, receive, send) -> None:
        await JSONResponse({})(scope, receive, send)

    def get(*names: str) -> int:
        args = arguments(place, *(word for name in names for word in ("--allow-host", name)))
        guarded = Guard(answer, Hosts(args.host, args.allow_host))
        client = testclient.TestClient(guarded, base_url="http://notes.example")
        response = client.get("/")
        place.told.append(response.text)
        return response.status_code

    assert get() == 421
    assert get("notes.example") == 200


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
