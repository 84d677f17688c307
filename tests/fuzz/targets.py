"""What is fuzzed: each target takes bytes, and fails where a promise is broken.

A target reads its input as a stranger's file. It may end in a result that holds what the package
promises of it, or in an :class:`jnrf_ext.errors.InputError` of one line; any other exception, a
crash, a hang or a great deal of memory is a defect. Run them by `tests/fuzz/fuzz.py` (long, guided
by coverage) or `tests/fuzz/test_fuzz.py` (short).
"""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import struct
import tempfile
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from jnrf.corpora import brat, columns, open_corpus, phee, sentences, tokens
from jnrf.corpora import json as json_documents
from jnrf.corpora.schema import learn_schema
from jnrf.data.examples import encode_document
from jnrf.prediction.notes import Fault, Note, Source
from jnrf.prediction.sources import Columns
from jnrf.prediction.sources.csv_files import Csv
from jnrf.prediction.sources.json_lines import JsonLines
from jnrf.prediction.sources.parquet import Parquet
from jnrf_ext import _text
from jnrf_ext.config import UNITS, JNRFConfig
from jnrf_ext.documents.brat_names import BratNames
from jnrf_ext.documents.dict_reader import document_from_dict
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.documents.mention_text import UNITS as OFFSET_UNITS
from jnrf_ext.errors import InputError
from jnrf_ext.model import JNRF
from jnrf_ext.nn.encoder.encoder import load_encoder
from jnrf_ext.nn.encoder.settings import build_configured
from jnrf_ext.packing.outline import outline
from jnrf_ext.schema import Schema
from jnrf_ext.text.tagging import align, decode_tags, to_mentions
from jnrf_ext.text.tokenizer import GAPS, SHAPES, Encoded, Tokenizer
from jnrf_ext.text.words import word_spans

WORDS = [
    "He was given Aspirin 81 mg p.o. daily; the rash improved over several days.",
    "Ångström's naïve résumé cafe\u0301 of 强 pain — 37.5°C, WBC 12.3, pH<7",
]


@cache
def folder() -> Path:
    """Where targets put files; emptied at the end."""
    made = Path(tempfile.mkdtemp(prefix="jnrf-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


class Picker:
    """Decisions out of bytes: the same bytes give the same ones, and 0 where there are no more."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def number(self, below: int) -> int:
        """A number from 0 to ``below`` - 1."""
        width = 1 if below <= 256 else 2
        taken = self.data[self.at : self.at + width]
        self.at += width
        return int.from_bytes(taken, "little") % below

    def choose(self, items):
        """One of a sequence."""
        return items[self.number(len(items))]

    def bytes(self, most: int = 1 << 20) -> bytes:
        """All that is left, at most so many."""
        taken = self.data[self.at : self.at + most]
        self.at += len(taken)
        return taken

    def text(self) -> str:
        """All that is left as text, now and then with what is no text."""
        if self.number(2):
            return self.bytes().decode("utf-8", "replace")
        # Half characters, as in file names that are no UTF-8 and in JSON.
        return self.bytes().decode("utf-8", "surrogateescape")


def refused(call: Callable, *arguments, **options):
    """The result of a call, or None for an InputError that is as such errors are."""
    try:
        return call(*arguments, **options)
    except InputError as error:
        said = str(error)
    assert said.isprintable(), said
    assert len(said) < 2000, len(said)
    return None


def check_document(document: Document) -> None:
    """What every document promises, whoever made it."""
    document.text.encode()
    seen = set()
    for mention in document.mentions:
        flat = [at for fragment in mention.fragments for at in fragment]
        assert flat == sorted(flat)
        assert flat[0] >= 0
        assert flat[-1] <= len(document.text)
        assert all(start < end for start, end in mention.fragments)
        assert mention.id not in seen
        seen.add(mention.id)
    for relation in document.relations:
        assert {relation.head, relation.tail} <= seen
    assert document_from_dict(json.loads(document.to_json())) == document
    str(document)
    fitted = refused(BratNames().fit, document)
    if fitted is not None and all(name for name in _names_of(document)):
        fitted.to_brat()
    written = refused(document.to_brat)
    if written is not None:
        assert fitted is None or fitted.to_brat() == written
        (folder() / "again.ann").write_bytes(written.encode())
        again = brat.annotate(document.id, document.text, folder() / "again.ann", heads={})
        assert spans(again) == spans(document)
        assert again.to_brat() == brat_twice(again)


def _names_of(document: Document) -> list[str]:
    """What may not be empty in brat."""
    relations = document.relations
    kinds = (document.events, document.equivalences, document.attributes, document.notes)
    return [
        *(item.type for items in (document.mentions, relations, *kinds) for item in items),
        *(role for r in relations for role in (r.head_role, r.tail_role)),
        *(role for e in document.events for role, _ in e.arguments),
        *(name for n in document.normalizations for name in (n.type, n.reference)),
    ]


def brat_twice(document: Document) -> str:
    """The standoff of a document that was written and read."""
    (folder() / "twice.ann").write_bytes(document.to_brat().encode())
    path = folder() / "twice.ann"
    return brat.annotate(document.id, document.text, path, heads={}).to_brat()


def spans(document: Document) -> list[tuple]:
    """Types and places of mentions, and what relations join in which roles."""
    return [
        *((m.id, m.type, m.fragments) for m in document.mentions),
        *((r.id, r.type, *_arguments(r)) for r in document.relations),
    ]


def _arguments(relation: Relation) -> list[tuple[str, str]]:
    """Roles and mentions; the names of the roles decide which comes first, not the line."""
    arguments = [(relation.head_role, relation.head), (relation.tail_role, relation.tail)]
    return arguments if relation.head_role == relation.tail_role else sorted(arguments)


# ------------------------------------------------------------------ corpora


def brat_files(data: bytes) -> None:
    """A .txt and an .ann, parted by a line of ``---``."""
    picker = Picker(data)
    options = {
        "on_error": picker.choose(("raise", "count")),
        "newlines": picker.choose(("auto", "raw", "translated")),
        "on_mismatch": picker.choose(("count", "raise")),
    }
    text, _, annotations = picker.bytes().partition(b"\n---\n")
    files = _write_files("note", txt=text, ann=annotations)
    document = refused(brat.read_document, *files, **options)
    if document is None:
        return
    check_document(document)
    # What was kept is sound: it reads again without complaint.
    kept = _write_files("kept", txt=document.text.encode(), ann=document.to_brat().encode())
    again = brat.read_document(*kept, newlines="raw", on_mismatch="raise")
    assert again.to_brat() == document.to_brat()


def bionlp_files(data: bytes) -> None:
    """A .txt, an .a1 and an .a2, parted by lines of ``---``; the same lines in an .ann."""
    picker = Picker(data)
    on_error = picker.choose(("raise", "count"))
    end = picker.choose((b"\n", b"\r\n", b"\r"))
    parts = [*picker.bytes().split(b"\n---\n", 2), b"", b""][:3]
    text, first, second = parts[0], *(part.replace(b"\n", end) for part in parts[1:])
    txt, *paths = _write_files("bionlp", txt=text, a1=first, a2=second)
    document = refused(brat.read_document, txt, paths, on_error)
    if document is None:
        return
    check_document(document)
    assert refused(open_corpus, txt.parent, on_error) == [document]
    if not any(b"\r" in part or b"\xef\xbb\xbf" in part for part in (first, second)):
        one = _write_files("one", txt=text, ann=first + b"\n" + second)
        assert brat.read_document(*one, on_error) == document


def _write_files(name: str, **contents: bytes) -> list[Path]:
    """The files of one document, alone in a folder: others may decide on roles."""
    place = folder() / name
    place.mkdir(exist_ok=True)
    paths = [place / f"note.{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def _read_and_write(path: Path, read: Callable, write: Callable) -> None:
    """Read a file; what it gave survives being written and read once more."""
    documents = refused(read, path)
    if documents is None:
        return
    for document in documents:
        check_document(document)
    again = path.with_name(f"again{path.suffix}")
    if refused(write, documents, again) is None:
        return
    first = read(again)
    assert len(first) == len(documents)
    assert [d.id for d in first] == [d.id for d in documents]
    assert write(first, again) is not None
    assert [spans(d) for d in read(again)] == [spans(d) for d in first]


def token_json(data: bytes) -> None:
    """A file of token JSON."""
    path = folder() / "tokens.json"
    path.write_bytes(data)

    def read(file: Path) -> list[Document]:
        items = json_documents._items(file)
        return tokens.from_items(items, path.stem)

    _read_and_write(path, read, lambda documents, file: tokens.write_tokens(documents, file, False))


def json_files(data: bytes) -> None:
    """A .json or .jsonl of documents, and a folder of each."""
    picker = Picker(data)
    path = folder() / picker.choose(("docs.json", "docs.jsonl"))
    path.write_bytes(picker.bytes())
    documents = refused(json_documents.read_json, path)
    refused(json_documents.read_json_or_tokens, path)
    for document in documents or ():
        check_document(document)
    if documents:
        json_documents.write_json(documents, path, False)
        assert json_documents.read_json(path) == documents


def foreign_json(data: bytes) -> None:
    """A .json or .jsonl that another tool may have written, PHEE's among them."""
    picker = Picker(data)
    path = folder() / picker.choose(("other.json", "OTHER.JSONL"))
    reading = json_documents.Reading(
        picker.choose(OFFSET_UNITS), picker.choose(phee.LABELS), picker.choose((None, 1, 20))
    )
    path.write_bytes(picker.bytes())
    read = refused(json_documents.read_json_or_tokens, path, reading)
    for document in read[1] if read is not None else ():
        check_document(document)


def bio_columns(data: bytes) -> None:
    """A file of columns; both schemes spell the same mentions, however words are found."""
    picker = Picker(data)
    scheme, words = picker.choose([(s, w) for w in sentences.WORDS for s in columns.SCHEMES])
    path = folder() / "columns.tsv"
    path.write_bytes(picker.bytes())

    def write(documents, file):
        return columns.write_columns(documents, file, scheme, False, words)

    _read_and_write(path, columns.read_columns, write)


def file_names(data: bytes) -> None:
    """Documents of any ids into a folder, by every writer: nothing is written outside it."""
    picker = Picker(data)
    writer = picker.choose(
        (
            lambda documents, out: brat.write_folder(documents, out),
            lambda documents, out: json_documents.write_json(documents, out, False),
            lambda documents, out: tokens.write_tokens(documents, out, False),
            lambda documents, out: columns.write_columns(documents, out, "bio", False),
        )
    )
    ids = picker.text().split("\n")[:4]
    place = folder() / "place"
    shutil.rmtree(place, ignore_errors=True)
    (place / "out").mkdir(parents=True)
    refused(
        writer, [Document(id, "a b", [Mention("T1", "X", ((0, 1),))]) for id in ids], place / "out"
    )
    assert [p.name for p in place.iterdir()] == ["out"]
    made = list((place / "out").iterdir())
    assert all(p.is_file() and not p.is_symlink() for p in made)
    assert not any(p.name.startswith(".") for p in made)


# ------------------------------------------------------------------ tables of notes


def check_notes(source: Source) -> None:
    """What every source promises: notes and faults in order, whose words can be shown."""
    parts = list(source.parts())
    assert [part.index for part in parts] == list(range(len(parts)))
    measured = source.measure()
    assert measured is None or not parts or sum(part.size for part in parts) == measured
    for item in (item for part in parts for item in source.read(part)):
        assert isinstance(item, Note | Fault)
        if isinstance(item, Note):
            item.text.encode()
            item.id.encode()
        else:
            str(item).encode()
            assert len(item.reason) < 500


def json_lines(data: bytes) -> None:
    """A file of JSON lines, in parts of any size."""
    picker = Picker(data)
    part_bytes = 1 + picker.number(64)
    path = folder() / "x.jsonl"
    path.write_bytes(picker.bytes())
    source = refused(JsonLines, [path], Columns(), part_bytes)
    if source is not None:
        check_notes(source)


def csv_rows(data: bytes) -> None:
    """A file of CSV, compressed or not, in parts of any size."""
    picker = Picker(data)
    part_bytes, name = 1 + picker.number(64), picker.choose(("x.csv", "x.csv.gz"))
    head = picker.choose((b"id,text\n", b"id;x;text\r\n", b""))
    path = folder() / name
    content = head + picker.bytes()
    path.write_bytes(gzip.compress(content, 0) if name.endswith("gz") else content)
    source = refused(Csv, [path], Columns(), part_bytes)
    if source is not None:
        refused(check_notes, source)


def parquet_texts(data: bytes) -> None:
    """A Parquet file with a column of any bytes as texts, null among them; or any bytes at all."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    picker = Picker(data)
    path, part_bytes, damage = folder() / "x.parquet", 1 + picker.number(64), picker.number(3)
    at, put = picker.number(512), picker.number(256)
    texts = [text or None for text in picker.bytes(2048).split(b"\0")]
    column = pa.array(texts, pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(texts), column.buffers())
    table = pa.table({"id": list(range(len(texts))), "text": column})
    parquet.write_table(table, path, row_group_size=1 + picker.number(9))
    if damage:
        whole = bytearray(path.read_bytes())
        place = at % len(whole) if damage == 1 else -1 - at % len(whole)  # data, or what says where
        whole[place] = put
        path.write_bytes(whole)
    source = refused(Parquet, [path], Columns(), part_bytes)
    if source is not None:
        refused(check_notes, source)


# ------------------------------------------------------------------ tokenizers


def _with(normalizer, splitter) -> Tokenizer:
    made = tokenizers.Tokenizer.from_str(Tokenizer.train(WORDS, 150).to_json())
    made.normalizer, made.pre_tokenizer = normalizer, splitter
    return Tokenizer(made)


def _byte_level() -> Tokenizer:
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(WORDS, trainer)
    return Tokenizer(bpe)


def _unigram() -> Tokenizer:
    pieces = [("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("▁pain", -4.0)]
    made = tokenizers.Tokenizer(models.Unigram(pieces, 0, False))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return Tokenizer(made)


@cache
def tokenizers_by_name() -> dict[str, Tokenizer]:
    """Kinds of tokenizers, word by word and of whole texts."""
    return {
        "uncased": Tokenizer.train(WORDS, 200),
        "cased": Tokenizer.train(WORDS, 200, lowercase=False),
        "white space": _with(None, pre_tokenizers.WhitespaceSplit()),
        "compatibility": _with(normalizers.NFKC(), pre_tokenizers.Whitespace()),
        "bytes": _byte_level(),
        "unigram": _unigram(),
    }


#: Tokenizers that drop nothing: each character that is no white space belongs to a wordpiece.
COVERING = ("white space", "bytes")


def check_encoded(encoded: Encoded, text: str) -> None:
    """What `Encoded` promises of any tokenizer."""
    starts, ends = encoded.starts, encoded.ends
    assert (starts >= 0).all()
    assert (starts <= ends).all()
    assert (ends <= len(text)).all()
    assert (np.diff(starts) >= 0).all()
    assert (np.diff(ends) >= 0).all()
    columns_ = (encoded.ids, ends, encoded.word_starts, encoded.shapes, encoded.gaps)
    assert {len(column) for column in columns_} == {len(starts)}
    assert (encoded.shapes < len(SHAPES)).all()
    assert (encoded.gaps < len(GAPS)).all()


def text_offsets(data: bytes) -> None:
    """Any text by tokenizers of every kind."""
    picker = Picker(data)
    name = picker.choose(sorted(tokenizers_by_name()))
    words = bool(picker.number(2))
    repeat = picker.choose((1, 1, 1, 50, 1000))
    text = (picker.text() * repeat)[:200_000]
    tokenizer = tokenizers_by_name()[name]
    encoded = refused(tokenizer.encode, text, words=words)
    if encoded is None:
        assert any("\ud800" <= c <= "\udfff" for c in text)
        return
    check_encoded(encoded, text)
    assert (encoded.ids < tokenizer.ids_below).all()
    covered = np.zeros(len(text) + 1, np.int64)
    np.add.at(covered, encoded.starts, 1)
    np.add.at(covered, encoded.ends, -1)
    covered = np.cumsum(covered)[:-1] > 0
    must = str.isalnum if name in ("uncased", "cased") else lambda c: not c.isspace()
    if name in (*COVERING, "uncased", "cased") and not words:
        assert all(covered[at] for at, c in enumerate(text) if must(c)), name
    if tokenizer._whole_words and not words:
        whole = tokenizer._encode_whole(text)
        assert whole.starts.tolist() == encoded.starts.tolist()
        assert whole.ids.tolist() == encoded.ids.tolist()


@cache
def unifying_tokenizers() -> dict[str, Tokenizer]:
    """Those that read a text the same in every composition, and have blank wordpieces too."""
    trimmed = tokenizers.Tokenizer.from_str(_byte_level().to_json())
    trimmed.post_processor = processors.ByteLevel(trim_offsets=True)
    trimmed.normalizer = normalizers.NFC()
    unigram = tokenizers.Tokenizer.from_str(_unigram().to_json())
    unigram.normalizer = normalizers.NFKC()
    return {
        "uncased": tokenizers_by_name()["uncased"],
        "bytes, trimmed": Tokenizer(trimmed),
        "unigram": Tokenizer(unigram),
    }


def compositions(data: bytes) -> None:
    """A text in Unicode's composed and decomposed form: the same wordpieces, words and rows."""
    picker = Picker(data)
    name, units = picker.choose(sorted(unifying_tokenizers())), picker.choose(UNITS)
    given = picker.bytes().decode("utf-8", "replace")
    tokenizer = unifying_tokenizers()[name]
    ids, words, rows, read = [], [], [], set()
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, given)
        encoded = tokenizer.encode(text)
        read.add(tokenizer._tokenizer.normalizer.normalize_str(text))
        check_encoded(encoded, text)
        check_joined(encoded, text)
        ids.append(encoded.ids.tolist())
        config = JNRFConfig(units=units, segments="sentence", character_size=2)
        made = outline(text, encoded, config)
        assert (made.starts <= made.ends).all()
        assert all(word == word.strip() or word.isspace() for word in made.words)
        rows.append(len(made))
        words.append([text[a:b] for a, b in zip(*word_spans(text), strict=True)])
        assert "".join(words[-1]) == "".join(text.split())
    assert [unicodedata.normalize("NFC", word) for word in words[1]] == words[0]
    if len(read) == 1:  # the library may know fewer characters than Python
        assert ids[0] == ids[1]
        assert rows[0] == rows[1]


def check_joined(encoded: Encoded, text: str) -> None:
    """What belongs to a character of a wordpiece is in one too."""
    covered = np.zeros(len(text) + 1, np.int64)
    np.add.at(covered, encoded.starts, 1)
    np.add.at(covered, encoded.ends, -1)
    covered = np.cumsum(covered)[:-1] > 0
    for at, character in enumerate(text):
        if at and _text.is_joining(character) and covered[at - 1] and not text[at - 1].isspace():
            assert covered[at]


def labels(data: bytes) -> None:
    """Mentions become tags and mentions again, at the edges of the rows that they touch."""
    picker = Picker(data)
    tokenizer = tokenizers_by_name()[picker.choose(sorted(tokenizers_by_name()))]
    units = picker.choose(("wordpiece", "word", "token"))
    sentences = picker.choose(("document", "sentence"))
    cuts = [(picker.number(300), picker.number(20) + 1, picker.choose("AB")) for _ in range(3)]
    text = picker.bytes().decode("utf-8", "replace")
    document = Document("x", text)
    for number, (start, length, kind) in enumerate(cuts, 1):
        if start + length <= len(text):
            document.mentions.append(Mention(f"T{number}", kind, ((start, start + length),)))
    if not document.mentions:
        return
    schema = learn_schema([document])
    config = JNRFConfig(units=units, segments=sentences, schema=schema)
    example = encode_document(document, tokenizer, schema, config=config)
    rows = example.outline
    found = to_mentions(text, rows, decode_tags(example.tags, schema.tags))
    if sentences == "document":
        wanted = np.array([m.fragments[0] for m in document.mentions], np.int64)
        first, last = align(rows.starts, rows.ends, wanted[:, 0], wanted[:, 1])
        possible = {
            (m.type, int(rows.starts[a]), int(rows.ends[b - 1]))
            for m, a, b in zip(document.mentions, first, last, strict=True)
            if a >= 0
        }
        assert {(m.type, m.start, m.end) for m in found} <= possible
        assert found or not possible
    for mention in found:
        assert mention.text == text[mention.start : mention.end]
    labelled = Document("x", text, found)
    (folder() / "labels.txt").write_bytes(text.encode())
    (folder() / "labels.ann").write_bytes(labelled.to_brat().encode())
    paths = (folder() / "labels.txt", folder() / "labels.ann")
    again = brat.read_document(*paths, newlines="raw", on_mismatch="raise")
    if again.text == text:  # a byte order mark may be none of the text
        assert spans(again) == spans(labelled)


#: Values that stand where others should.
NASTY = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 255, 256, 10**6, 2**31 - 1, 2**31, 10**9, 10**12),
    *(2**63, -(2**63), 10**30, 0.5, -1.5, 1e308, float("nan"), float("inf")),
    *("", "a", "O", "B-", "\ud800", "\0", "../../x", "[UNK]", "a" * 3000, "▁", "(a+)+$"),
    *([], {}, [[]], [{}], [0], ["a"], {"a": 1}, [0] * 3000, [[1, 2], [3]], {"type": "Sequence"}),
]


def mutate(value, picker: Picker):
    """A JSON value with some of its parts replaced, left out, doubled or exchanged."""
    value = json.loads(json.dumps(value))
    for _ in range(picker.number(3) + 1):
        holder, key = None, None
        at = value
        while isinstance(at, list | dict) and at:
            keys = sorted(at) if isinstance(at, dict) else range(min(len(at), 300))
            holder, key = at, picker.choose(list(keys))
            at = at[key]
            if picker.number(4) == 0:
                break
        if holder is None:
            return picker.choose(NASTY)
        how = picker.number(6)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, list):
            holder.insert(key, at)
        elif how == 2:
            other = picker.choose(
                sorted(holder) if isinstance(holder, dict) else range(len(holder))
            )
            holder[key], holder[other] = holder[other], holder[key]
        elif how == 3 and isinstance(at, int | float) and not isinstance(at, bool):
            holder[key] = at + picker.choose((-1, 1, 2, -2, 16))
        else:
            holder[key] = json.loads(json.dumps(picker.choose(NASTY)))
    return value


def tokenizer_json(data: bytes) -> None:
    """A tokenizer.json: raw, or a good one changed."""
    picker = Picker(data)
    if picker.number(4) == 0:
        path = folder() / "tokenizer.json"
        path.write_bytes(picker.bytes())
        tokenizer = refused(Tokenizer.from_file, path)
    else:
        good = tokenizers_by_name()[picker.choose(sorted(tokenizers_by_name()))]
        changed = json.dumps(mutate(json.loads(good.to_json()), picker))
        tokenizer = refused(Tokenizer.from_json, changed)
    if tokenizer is None:
        return
    refused(tokenizer.frame)
    for text in ("", " a", WORDS[0], WORDS[1] + "\r\n\0\U0001f600"):
        for words in (False, True):
            encoded = refused(tokenizer.encode, text, words=words)
            if encoded is not None:
                check_encoded(encoded, text)
                assert (encoded.ids >= 0).all()
                assert (encoded.ids < tokenizer.ids_below).all()


# ------------------------------------------------------------------ model folders

SCHEMA = Schema.from_types(["Drug", "Dose"], {"Dose-Drug": [("Dose", "Drug")]})
ENCODER = {
    "model_type": "bert",
    "vocab_size": 200,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "pad_token_id": 0,
}
SMALL = {"embedding_size": 8, "hidden_size": 8, "num_layers": 1, "mixing_windows": [0]}
SMALL |= {"relation_size": 4, "relation_layers": 1, "tag_layers": 1, "expansion": 1}
COMPOSITIONS = {
    "fourier": {},
    "encoder": {"encoder": ENCODER, "encoder_window": 16, "encoder_overlap": 4, "units": "word"},
    "lstm": {"layer_kind": "lstm", "crf": True, "tag_scheme": "IOBES", "character_size": 2},
    "pairs": {"relation_kind": "pairs", "separate_inputs": True, "relation_task_layers": 1},
    "targets": {
        "relation_kind": "targets",
        "auxiliary": [{"tags": ["O", "B-X", "I-X"], "group": 1}],
    },
    "reference": {"behaviour": "reference", "share_layers": True, "use_surface": False},
}


@cache
def model_files(name: str) -> tuple[dict, bytes, str]:
    """Configuration, weights and tokenizer of a small model."""
    torch.manual_seed(0)
    tokenizer = tokenizers_by_name()["uncased"]
    sizes = SMALL | {"vocab_size": tokenizer.vocab_size, "schema": SCHEMA} | COMPOSITIONS[name]
    if "encoder" in sizes:
        sizes["encoder"] = ENCODER | {"vocab_size": tokenizer.vocab_size}
    place = folder() / f"good {name}"
    JNRF(JNRFConfig(**sizes), tokenizer).save_pretrained(place)
    config = json.loads((place / "config.json").read_text())
    weights = (place / "model.safetensors").read_bytes()
    return config, weights, (place / "tokenizer.json").read_text()


def check_model(place: Path) -> None:
    """Load a folder, and if that works extract by it."""
    model = refused(JNRF.from_pretrained, place)
    if model is None or model.tokenizer is None:
        return
    document = refused(model.extract, WORDS[0] + "\r\n" + WORDS[1])
    if document is not None:
        types = set(model.config.schema.entity_types)
        assert {m.type for m in document.mentions} <= types
        check_document(document)


def _write_model(config, weights: bytes, tokenizer: str) -> Path:
    place = folder() / "model"
    place.mkdir(exist_ok=True)
    content = config if isinstance(config, bytes) else json.dumps(config).encode()
    (place / "config.json").write_bytes(content)
    (place / "model.safetensors").write_bytes(weights)
    (place / "tokenizer.json").write_text(tokenizer, encoding="utf-8", errors="surrogatepass")
    return place


def model_config(data: bytes) -> None:
    """A model folder with another config.json: raw, or a good one changed."""
    picker = Picker(data)
    config, weights, tokenizer = model_files(picker.choose(sorted(COMPOSITIONS)))
    changed = picker.bytes() if picker.number(8) == 0 else mutate(config, picker)
    check_model(_write_model(changed, weights, tokenizer))


def encoder_config(data: bytes) -> None:
    """A model folder whose encoder has another configuration."""
    picker = Picker(data)
    config, weights, tokenizer = model_files("encoder")
    check_model(
        _write_model(config | {"encoder": mutate(config["encoder"], picker)}, weights, tokenizer)
    )


@cache
def pickled_encoder() -> bytes:
    """A good pytorch_model.bin of the small encoder."""
    encoder = build_configured(ENCODER)
    torch.save(encoder.state_dict(), folder() / "good.bin")
    return (folder() / "good.bin").read_bytes()


def encoder_weights(data: bytes) -> None:
    """An encoder's folder with pickled weights, or an index of them: raw, or good ones changed."""
    picker = Picker(data)
    place = folder() / "encoder"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "config.json").write_text(json.dumps(ENCODER))
    good = pickled_encoder()
    if picker.number(2):
        (place / "pytorch_model-1.bin").write_bytes(good)
        (place / "pytorch_model.bin.index.json").write_bytes(picker.bytes())
    else:
        at = picker.number(len(good))
        changed = good[:at] + picker.bytes() + good[at + picker.number(64) :]
        (place / "pytorch_model.bin").write_bytes(changed)
    refused(load_encoder, str(place))


def model_weights(data: bytes) -> None:
    """A model folder with other weights: raw, cut, or with a header that says otherwise."""
    picker = Picker(data)
    config, weights, tokenizer = model_files(picker.choose(sorted(COMPOSITIONS)))
    length = struct.unpack("<Q", weights[:8])[0]
    header, body = json.loads(weights[8 : 8 + length]), weights[8 + length :]
    how = picker.number(5)
    if how == 0:
        weights = picker.bytes()
    elif how == 1:
        weights = weights[: picker.number(1 << 16) % (len(weights) + 1)]
    elif how == 2:
        claimed = picker.choose((0, 1, 7, length - 1, length + 1, 2**31, 2**63, 2**64 - 1))
        weights = struct.pack("<Q", claimed) + weights[8:]
    elif how == 3:
        changed = json.dumps(mutate(header, picker)).encode()
        weights = struct.pack("<Q", len(changed)) + changed + body
    else:  # any numbers, NaN and infinity among them
        noise = picker.bytes() or b"\xff"
        weights = weights[: 8 + length] + (noise * (len(body) // len(noise) + 1))[: len(body)]
    check_model(_write_model(config, weights, tokenizer))


def model_tokenizer(data: bytes) -> None:
    """A model folder with another tokenizer.json."""
    picker = Picker(data)
    config, weights, tokenizer = model_files("fourier")
    changed = json.dumps(mutate(json.loads(tokenizer), picker))
    check_model(_write_model(config, weights, changed))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(brat_files, bionlp_files, token_json, json_files, foreign_json),
        *(bio_columns, file_names),
        *(json_lines, csv_rows, parquet_texts),
        *(text_offsets, compositions, labels, tokenizer_json),
        *(model_config, encoder_config, encoder_weights, model_weights, model_tokenizer),
    )
}

_NOTE = b"iron 81 mg\r\nfor pain\n---\nT1\tDrug 0 4\tiron\nT2\tDose 5 10\t81 mg\n"
#: Inputs to begin with.
SEEDS: dict[str, list[bytes]] = {
    "brat_files": [
        b"\0\0\0" + _NOTE + b"R1\tDose-Drug Arg1:T2 Arg2:T1\n",
        b"\1\0\0" + _NOTE + b"T3\tX 5 18\t81 mg\r for\nR1\tIs B:T2 A:T1\r\nR2\tIs A:T1 B:T3\r",
        b"\1\1\0" + _NOTE + b"E1\tX:T1 Y:T2\nR1\tZ Arg1:E1 Arg2:T2\n*\tSame T1 T2\nA1\tN E1 v\n",
        b"\1\0\1" + _NOTE + b"N1\tRef T1 Rx:1\tiron\n#1\tNote T1\tsure?\nT3\tA 0 2;3 4\tir n\n",
    ],
    "bionlp_files": [
        b"\0\0" + _NOTE + b"\n---\nE1\tX:T1 Theme:T2\nR1\tIs To:T1 From:T2\nR2\tIs B:T1 A:T2\n",
        b"\1\1" + _NOTE + b"\n---\n*\tEquiv T1 T2\nM1\tSpeculation E1\nR1\tIs A:T1 A:T2\n",
        b"\1\2" + _NOTE + b"\n---\nN1\tOnto Annotation:T1 Referent:OBT:1\nT3\tA 5 18\t81 mg\r for",
    ],
    "token_json": [
        b'[{"tokens": ["a", "b c"], "entities": [[0, 1, "X"], [1, 2, "Y"]],'
        b' "relations": [[0, 1, 1, 2, "R"]]}]',
        b'[{"tokens": ["a"], "entities": [{"start": 0, "end": 1, "type": "X"}], "id": "q",'
        b' "relations": [{"type": "R", "head": 0, "tail": 0}]}]',
        b'{"tokens": ["#", "b"], "tags": ["U-X", "O"]}\r{"tokens": ["c"], "ner_tags": ["B-X"]}',
    ],
    "json_files": [
        b'\0[{"id": "a", "text": "iron", "mentions": [{"id": "T1", "type": "X", "fragments":'
        b' [[0, 2], [3, 4]], "score": 0.5}], "relations": [{"id": "R1", "type": "r", "head": "T1",'
        b' "tail": "T1"}], "events": [{"id": "E1", "type": "e", "trigger": "T1", "arguments":'
        b' [["r", "T1"]]}]}]',
        b'\1{"id": "a", "text": "x", "notes": [], "warnings": {"k": 1}}\n{"id": "b", "text": ""}\n',
    ],
    "foreign_json": [
        b'\0\0\0\0[{"id": 1, "text": "iron", "label": [[0, 4, "a b"]], "meta": {}}]',
        b'\0\1\0\0[{"text": "\xf0\x9f\x98\x80 iron a", "spans": [{"start": 3, "end": 7,'
        b' "label": "X", "text": "iron"}]}, ["a", {"entities": [[0, 1, "X"]]}]]',
        b'\1\2\0\0{"id": 3, "text": "iron", "entities": [{"id": 9, "start_offset": 0,'
        b' "end_offset": 4, "label": "X"}], "relations": [{"from_id": 9, "to_id": 9, "type": "R"}]}'
        b'\r{"text": "", "ents": []}',
        *(
            bytes([0, 0, labels, words])
            + b'{"id": "1_2", "context": "iron for pain", "annotations": [{"events": ['
            b'{"event_type": "Adverse_event", "Trigger": {"text": [["for"]], "start": [[5]]},'
            b' "Effect": {"text": [["pain"]], "start": [[9]]}, "Treatment": {"Drug": {"text":'
            b' [["iron"]], "start": [[0]]}}, "Negated": {"value": true}}]}]}'
            b'\n{"id": "1_1", "context": "a", "annotations": []}'
            for labels in (0, 1)
            for words in (0, 2)
        ),
    ],
    "bio_columns": [
        b"\0#\tU-Drug\r# note\r\n30 O\r\r\x23a\tI-X\r\r\n",
        b"\2IL-2,\tB-X\r\n",
        b"\0iron\tB-Drug\n81 O\nmg I-X\n\n# sent_id = q\nb\tS-Y\nc\tE-Z\n-DOCSTART-\tO\n",
        b"\0iron\tO\n-DOCSTART-\x0bO\n\n-DOCSTART-x\tO\n",
    ],
    "file_names": [b"\0a\n../b\nc/d", b"\1CON\nx-0001\nx-0002", b"\2.\n..\n\\", b"\3a\0\n\xc3\xa9"],
    "csv_rows": [
        b"\x09\0\0" + b'1,"a, ""b""\r\nc"\n\n2,d\n',
        b"\x01\1\1" + b'a;"x";"b;\nc"\r\n',
        b"\x05\0\2" + b'\xef\xbb\xbf"id"\t"text"\n1\t\xff\n',
    ],
    "json_lines": [
        b'\x08{"id": "a", "text": "iron"}\n\n{"id": 7, "text": "\xc3\xa9"}\n{"id": "b"}\n[',
        b'\xff\xef\xbb\xbf{"id": "a", "text": "\\ud800"}\r\n{"text": null, "id": true}',
    ],
    "parquet_texts": [
        b"\x20\0\0\0\0iron\0\0\xff\xfe\0\xc3\xa9",
        b"\x01\1\x30\0\xaairon pills\0and more",
        b"\x01\2\x09\0\x15iron pills\0and more",
    ],
    "text_offsets": [
        bytes([number, 0, 0]) + text.encode() for number in range(6) for text in WORDS
    ],
    "compositions": [
        bytes([name, units]) + text.encode()
        for name in range(3)
        for units in range(3)
        for text in (
            WORDS[1],
            "💩This  ที่ค่า 각か\u3099강 a≠b ᾼ ❤\ufe0f 🇨🇭 x\u0323\u0307 \u0301 \u200db ",
        )
    ],
    "labels": [
        bytes([n, 0, 0, 3, 0, 4, 0, 9, 0, 3, 1, 2, 0, 8, 0]) + WORDS[n % 2].encode()
        for n in range(6)
    ],
    "tokenizer_json": [bytes([1, n, 1, 2, 3, n]) for n in range(6)],
    "model_config": [bytes([n, 1, 1, 4, 2, 1, 5, n]) for n in range(6)],
    "encoder_weights": [
        b"\0\0\0",
        b"\0\x40\0\xff",
        b'\1{"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight":'
        b' "pytorch_model-1.bin"}}',
    ],
    "encoder_config": [bytes([0, n, 0, 5, n]) for n in range(10)],
    "model_weights": [bytes([n, how, 5, 7]) for n in range(6) for how in range(5)],
    "model_tokenizer": [bytes([0, n, 1, 5, n]) for n in range(10)],
}
