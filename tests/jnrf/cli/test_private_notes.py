"""No word of a note is in what any command says, however broken the file that holds it.

The files below have one word in the place of every field. Commands that read them may fail, or
not; that word is in no message, no log and no table. (Names of documents, types and fields are
told: they say where a fault is and what was learnt, so those of sound files are other words here.)
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import logging
import sys
from functools import cache

import pytest
from one_of_each import a_document
from tiny_corpus import TINY
from tiny_model import train_tiny_model

from jnrf import cli
from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.text.tokenizer import Tokenizer

WORD = "Zachariassen"
#: What a text that is not read as such may have of it: messages cut names short.
TRACES = ("zachar", "iassen")
TEXT = f"{WORD} has HIV since May.\n"

BRAT_LINES = [
    WORD,
    f"{WORD} has HIV since May",
    f"{WORD}\t{WORD}\t{WORD}",
    f"T1\t{WORD}",
    f"T1\t{WORD}\t{WORD}",
    f"T1\tX {WORD} 4\t{WORD}",
    f"T1\tX 0 {WORD}\t{WORD}",
    f"T1\tX 0 99\t{WORD}",
    f"T1\tX 4 2\t{WORD}",
    f"T1\tX 0 4\t{WORD}\t{WORD}",
    f"T1\tX 0 1;2 3;4 5;6 7\t{WORD}",
    f"T1\tX 0 3\t{WORD}",
    f"T{WORD}\tX 0 3\tone\nT{WORD}\tX 0 3\tone",
    f"R1\t{WORD}",
    f"R1\tX {WORD} {WORD}",
    f"R1\tX Arg1:{WORD} Arg2:{WORD}",
    f"R{WORD}\tX Arg1:T{WORD} Arg2:T7",
    f"R1\tX Arg1:T1 {WORD}:T1 {WORD}",
    f"E1\t{WORD}",
    f"E1\tX:{WORD}",
    f"E{WORD}\tX:T{WORD} {WORD}:{WORD}",
    f"T1\tX 0 3\tone\nE1\tX:T1 Theme:{WORD}",
    f"*\t{WORD}",
    f"*\tX {WORD} {WORD}",
    f"A1\t{WORD}",
    f"A{WORD}\tX {WORD} {WORD}",
    f"M1\tX {WORD}",
    f"N1\t{WORD}\t{WORD}",
    f"N{WORD}\tX {WORD} {WORD}:1\t{WORD}",
    f"#1\t{WORD}\t{WORD}",
    f"#{WORD}\tX {WORD}\t{WORD}",
    f"\ufeff{WORD}",
    f"T1\tX 0 3\t{WORD}\udcff",
]


def leaves(value, path=()):
    """The places of all values inside a JSON value, lists and objects too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, key))


def with_word(value):
    """``value`` with the word in each place, as itself, as a list and as the key of an object."""
    for path in leaves(value):
        for other in (WORD, [WORD], {WORD: WORD}, f"{WORD}\ud83d"):
            # Names of sound documents and types are told.
            if isinstance(other, str) and (path == ("id",) or path[-1] == "type"):
                continue
            if isinstance(other, str) and path[0] in ("entities", "relations", "warnings"):
                continue
            changed = copy.deepcopy(value)
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = other
            yield changed


DOCUMENT = document_to_dict(a_document()) | {"text": TEXT + "x" * 40}
SENTENCE = {
    "tokens": [WORD, "has", "HIV"],
    "entities": [[0, 1, "X"], [2, 3, "Y"]],
    "relations": [[0, 1, 2, 3, "Z"]],
}
#: Names of files, and what they hold.
JSON_FILES = {
    "json": ("x.json", [json.dumps(d) for d in with_word(DOCUMENT)]),
    "tokens": ("x.json", [json.dumps([s]) for s in with_word(SENTENCE)]),
    "broken": (
        "x.json",
        [
            f'{{"id": "a", "text": "{WORD}',
            f"{WORD}",
            f'["{WORD}"]',
            f'"{WORD}"',
            f'{{"id": "a", "text": "{WORD} \\{WORD}"}}',
            f'{{"id": "a", "text": "{WORD}", "mentions": {WORD}}}',
        ],
    ),
    "columns": (
        "x.tsv",
        [
            f"{WORD}\n",
            f"{WORD} {WORD}\n",
            f"{WORD}\tB\n",
            f"{WORD}\tB-\n",
            f"{WORD}\tB-X\n{WORD}\t{WORD}\tO\n{WORD}\n",
            f"\t{WORD}\n",
            f"# {WORD}\n#\t{WORD}\n{WORD}\tO\n",
            f"-DOCSTART- {WORD}\n",
            f"{WORD}\tO\r{WORD}\tB-X\r",
            f"# sent_id = a\n# sent_id = a\n{WORD}\tO {WORD}\n",
        ],
    ),
}


@pytest.fixture
def said(capfd, caplog):
    """What was said since the last call, by every way."""
    caplog.set_level(logging.DEBUG)

    def said() -> str:
        captured = capfd.readouterr()
        told = captured.out + captured.err + caplog.text
        caplog.clear()
        return told

    return said


@pytest.fixture(autouse=True, scope="module")
def one_parser():
    """One parser for hundreds of commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "build_parser", cache(cli.build_parser))
        yield


def jnrf(*words) -> int:
    """The exit status of a command; argparse's, too."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code


def check(said, *words) -> str:
    """Run a command that may fail as it likes, but without a word of a note; returns its words."""
    status = jnrf(*words)
    told = said()
    assert status in (0, 1, 2), told
    for trace in TRACES:
        assert trace not in told.lower(), f"jnrf {' '.join(map(str, words))}\n{told}"
    assert "Traceback" not in told
    return told


TRAINING = ("--run.epochs", 1, *(w for key, value in TINY.items() for w in (f"--{key}", value)))


def check_reading(said, corpus, tmp_path, sound, tokenizer):
    """Every command that reads a corpus, on this one."""
    for on_error in ("raise", "count"):
        check(said, "inspect", corpus, "--on-error", on_error, "--tokenizer", tokenizer)
        for to in ("brat", "json", "tokens", "columns"):
            out = tmp_path / f"out-{on_error}-{to}"
            check(said, "convert", corpus, out, "--to", to, "--on-error", on_error)
        for sides in ((corpus, sound), (sound, corpus)):
            check(said, "evaluate", *sides, "--metric", "all", "--errors", "--on-error", on_error)
    check(said, "evaluate", corpus, sound, "--mode", "official")
    check(said, "evaluate", sound, corpus, "--mode", "official")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A tokenizer.json that is quick to load."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(Tokenizer.train([TEXT] * 20, 100).to_json())
    return path


@pytest.fixture
def sound(tmp_path):
    """A folder of documents of the names of the broken ones."""
    folder = tmp_path / "sound"
    folder.mkdir()
    for name in ("x", "x-0001", "note", "a"):
        (folder / f"{name}.txt").write_text(TEXT)
        (folder / f"{name}.ann").write_text("T1\tX 0 3\tZac\n")
    return folder


def in_bytes(text: str) -> bytes:
    """UTF-8, with half a character where the text has one."""
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("line", BRAT_LINES, ids=range(len(BRAT_LINES)))
def test_no_line_of_brat_is_quoted(line, tmp_path, sound, said, tokenizer):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "x.txt").write_text(TEXT)
    (corpus / "x.ann").write_bytes(in_bytes(f"T8\tX 0 3\tZac\n{line}\n"))
    check_reading(said, corpus, tmp_path, sound, tokenizer)
    # Where no line before can stand in, official mode stops.
    (corpus / "x.ann").write_bytes(in_bytes(f"{line}\nT8\tX 0 3\tZac\n"))
    check(said, "evaluate", corpus, sound, "--mode", "official")
    check(said, "train", "--train", corpus, "--out", tmp_path / "run", *TRAINING)


@pytest.mark.parametrize("format", JSON_FILES)
def test_no_field_of_json_and_no_token_of_columns_is_quoted(
    format, tmp_path, sound, said, tokenizer
):
    name, contents = JSON_FILES[format]
    for number, content in enumerate(contents):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(in_bytes(content))
        check(said, "inspect", folder, "--tokenizer", tokenizer)
        check(said, "convert", folder / name, folder / "brat", "--to", "brat")
        check(said, "evaluate", folder / name, sound, "--metric", "all")
        check(said, "evaluate", sound, folder, "--errors")
    check(said, "train", "--train", tmp_path / "0", "--out", tmp_path / "run", *TRAINING)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A trained model's folder."""
    return train_tiny_model(tmp_path_factory.mktemp("model"))


NOTES = [
    json.dumps({"id": "a", "text": WORD}),
    json.dumps({"id": [WORD], "text": WORD}),
    json.dumps({"id": "a", "text": [WORD]}),
    json.dumps({"id": "a", "text": {WORD: WORD}}),
    json.dumps({"id": "a", "text": f"{WORD} \ud83d"}),
    json.dumps([WORD]),
    json.dumps(WORD),
    f'{{"id": "a", "text": "{WORD}',
    f'{{"id": "a", "text": "{WORD}"}} {WORD}',
    WORD,
    f'{{"id": "a", "text": "{WORD}\udcff"}}',
]


@pytest.mark.parametrize("note", NOTES, ids=range(len(NOTES)))
def test_no_note_is_quoted_by_predict(note, model, tmp_path, said, monkeypatch):
    sound_note = json.dumps({"id": "b", "text": "He takes aspirin 81 mg."})
    for order in ((note, sound_note), (sound_note, note)):
        lines = in_bytes("\n".join(order) + "\n")
        (tmp_path / "x.jsonl").write_bytes(lines)
        out = tmp_path / f"out{order[0] == note}"
        check(said, "predict", model, tmp_path / "x.jsonl", "--out", out, "--device", "cpu")
        for listed in out.glob("errors.jsonl"):
            assert WORD not in listed.read_text()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        status = jnrf("predict", model, "-", "--out", "-", "--device", "cpu")
        assert status in (0, 1, 2)
        told = [line for line in said().splitlines() if not line.startswith('{"')]
        assert not [line for line in told if WORD in line]


ROW = f'a,"{WORD} has HIV"'
CSV = {
    "no header": [f"a,{WORD} has HIV", "b,He takes aspirin."],
    "a header in quotes": [f'"{WORD} has HIV"', ROW],
    "a note before the header": [f'"{WORD} has HIV","{WORD}"', "id,text", ROW],
    "more fields": ["id,text", f"{ROW},{WORD},{WORD}"],
    "fewer fields": ["id,text", f'"{WORD} has HIV"', WORD],
    "an open quote": ["id,text", f'a,"{WORD} has HIV'],
    "text after a quote": ["id,text", f'{ROW} {WORD}, {WORD}"', ROW],
    "bytes": ["id,text", f"a,{WORD} \udcff", f"{WORD}\udcff,{WORD}"],
    "a zero byte": ["id,text", f"a,{WORD}\0 {WORD}"],
    "a column twice": ["id,text,text", f"a,{WORD},{WORD}"],
    "an empty id": ["id,text", f",{WORD}", f",{WORD}"],
    "another line end": [f"id,text\ra,{WORD}\r{WORD}\r"],
    "another delimiter": ["id;text", f"a;{WORD},{WORD};{WORD}"],
}


@pytest.mark.parametrize("case", CSV)
@pytest.mark.parametrize("name", ["x.csv", "x.tsv.gz"])
def test_no_field_of_csv_is_quoted(case, name, model, tmp_path, said):
    between = "\t" if ".tsv" in name else ","
    content = in_bytes("\n".join(CSV[case]).replace(",", between))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    for number, options in enumerate(((), ("--delimiter", "|"), ("--text-column", "note"))):
        out = tmp_path / f"out{number}"
        words = ("predict", model, tmp_path / name, "--out", out, "--device", "cpu", *options)
        check(said, *words)
        check(said, *words, "--strict")
        for listed in out.glob("errors.jsonl"):
            assert WORD not in listed.read_text()


def test_nothing_of_a_compressed_file_is_quoted(model, tmp_path, said):
    whole = gzip.compress(in_bytes("\n".join(NOTES)))
    texts = "\n".join(NOTES).encode("utf-16", "replace")
    contents = (whole, whole[:-9], whole[:20] + WORD.encode(), WORD.encode(), gzip.compress(texts))
    for number, content in enumerate(contents):
        for ending in ("jsonl", "csv", "tsv", "json", "txt"):
            path = tmp_path / f"x{number}.{ending}.gz"
            path.write_bytes(content)
            out = tmp_path / f"{ending}{number}"
            check(said, "predict", model, path, "--out", out, "--device", "cpu")
            for listed in out.glob("errors.jsonl"):
                assert WORD not in listed.read_text()


def test_no_text_of_parquet_is_quoted(model, tmp_path, said):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    texts = {
        "bytes": pa.array([in_bytes(f"{WORD} \udcff")], pa.binary()),
        "lists": pa.array([[WORD]]),
        "objects": pa.array([{WORD: WORD}]),
        "nulls": pa.array([None], pa.string()),
        "categories": pa.array([WORD]).dictionary_encode(),
    }
    for name, column in texts.items():
        for table in ({"id": ["a"], "text": column}, {"id": column, "text": [WORD]}):
            file = tmp_path / f"{name}.parquet"
            parquet.write_table(pa.table(table), file)
            out = tmp_path / f"out-{name}-{table['id'] is column}"
            # An id that is a sound string names its note.
            if table["id"] is not column or name != "categories":
                check(said, "predict", model, file, "--out", out, "--device", "cpu")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + WORD.encode() * 9 + b"PAR1")
    check(said, "predict", model, tmp_path / "cut.parquet", "--out", tmp_path / "cut")


#: A name of a file, and a command that takes the file, or its folder, for another.
WRONG_PLACES = [
    ("note.yaml", "train", "--config", "FILE"),
    ("note.txt", "train", "--config", "FILE"),
    ("x.json", "train", "--train", "CORPUS", "--out", "OUT", *TRAINING, "--data.schema", "FILE"),
    ("x.json", "train", "--train", "CORPUS", "--out", "OUT", *TRAINING, "--data.tokenizer", "FILE"),
    ("x", "train", "--train", "CORPUS", "--out", "OUT", *TRAINING, "--model.embeddings", "FILE"),
    ("x", "train", "--train", "CORPUS", "--out", "OUT", *TRAINING, "--run.init", "FOLDER"),
    ("x.json", "train", "--train", "FILE", "--out", "OUT", *TRAINING),
    ("note.yaml", "study", "FILE", "--out", "OUT"),
    ("note.txt", "extract", "FOLDER", "He takes aspirin."),
    ("note.txt", "predict", "FOLDER", "CORPUS", "--out", "OUT"),
    ("note.json", "predict", "MODEL", "FILE", "--out", "OUT"),
    ("note.json", "inspect", "FILE"),
    ("note.json", "inspect", "CORPUS", "--tokenizer", "FILE"),
    ("note", "convert", "FILE", "OUT", "--to", "json"),
    ("note.json", "evaluate", "FILE", "CORPUS"),
    ("note", "evaluate", "CORPUS", "FILE"),
    ("x", "import-reference", "FILE", "--labels", "FILE", "--tokenizer", "FILE", "--out", "OUT"),
    (
        "x.json",
        "import-reference",
        "CORPUS",
        *("--labels", "FILE"),
        *("--tokenizer", "TOKENIZER"),
        *("--out", "OUT"),
    ),
]
HELD = [
    f"{WORD} has HIV",
    f"- {WORD}",
    f"[{WORD}, {WORD}",
    f"&{WORD} *x{WORD}",
    f"!{WORD} x",
    f'"{WORD}"',
    f'["{WORD}"]',
    f'{{"version": "{WORD}"}}',
    f'{{"model": {{"type": "{WORD}"}}}}',
    f'{{"tags": "{WORD}", "relations": ["{WORD}"], "arguments": {{}}}}',
]


@pytest.mark.parametrize("case", WRONG_PLACES, ids=lambda case: f"{case[1]}-{case[0]}")
def test_a_note_in_the_place_of_another_file_is_not_quoted(
    case, model, tmp_path, sound, said, tokenizer
):
    name, *words = case
    for number, content in enumerate(HELD):
        folder = tmp_path / str(number)
        folder.mkdir()
        for file in (name, "config.json", "tokenizer.json", "model.safetensors"):
            (folder / file).write_text(content)
        places = {
            "FILE": folder / name,
            "FOLDER": folder,
            "CORPUS": sound,
            "MODEL": model,
            "TOKENIZER": tokenizer,
            "OUT": folder / "out",
        }
        check(said, *(places.get(word, word) for word in words))
