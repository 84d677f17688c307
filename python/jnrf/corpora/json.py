"""Documents as JSON: .json (one document or a list), .jsonl (one a line), or a folder of these.

Files of the same names may hold sentences of tokens instead (:mod:`jnrf.corpora.tokens`), PHEE
(:mod:`jnrf.corpora.phee`) or what another tool exports (:mod:`jnrf.corpora.foreign`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import cast

from jnrf.corpora import foreign, phee
from jnrf.corpora.brat import check_file_name
from jnrf.corpora.gold_cuts import warn_of_gold_cuts
from jnrf.corpora.lines import split_lines
from jnrf.corpora.sentences import place_ids
from jnrf.corpora.texts import read_text
from jnrf.corpora.tokens import from_items, holds_tokens
from jnrf_ext.documents.dict_reader import document_from_dict
from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.mention_text import fragments_text
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

SUFFIXES = (".json", ".jsonl")


@dataclass(frozen=True)
class Reading:
    """Choices about what files leave open."""

    #: The unit of document offsets: one of :data:`jnrf_ext.documents.mention_text.UNITS`
    offsets: str = "characters"
    #: ``labels`` and ``words`` of :func:`jnrf.corpora.phee.from_items`
    phee_labels: str = "n2c2"
    phee_words: int | None = None


def read_json(path: str | Path) -> list[Document]:
    """The documents of a .json or .jsonl file, in its order.

    Raises :class:`InputError` naming file, line or item, and remedy for what is not JSON or no
    document.
    """
    return [_document(item, where) for item, where in _items(Path(path))]


def read_json_or_tokens(
    path: str | Path, reading: Reading = Reading()
) -> tuple[bool, list[Document]]:
    """The documents of a file in its order, and whether they are sentences of tokens.

    The first one says what form all have: ours, sentences of tokens (:mod:`jnrf.corpora.tokens`),
    PHEE's (:mod:`jnrf.corpora.phee`) or another tool's (:mod:`jnrf.corpora.foreign`).
    """
    tokens, documents = _read(Path(path), reading)
    if tokens:
        warn_of_gold_cuts(documents)
    return tokens, documents


def _read(path: Path, reading: Reading) -> tuple[bool, list[Document]]:
    items = _items(path)
    if not items:
        return False, []
    first = items[0][0]
    of_tokens, of_phee = holds_tokens(first), phee.is_phee(first)
    chosen = (reading.phee_labels, reading.phee_words)
    if reading.offsets != Reading.offsets and (of_tokens or of_phee):
        what = "sentences of tokens" if of_tokens else "PHEE, whose offsets count characters"
        raise InputError(f"{path} holds {what}; leave out --offsets")
    if chosen != (Reading.phee_labels, Reading.phee_words) and not of_phee:
        raise InputError(f"{path} does not hold PHEE; leave out --phee-labels and --phee-words")
    if of_tokens:
        return True, from_items(items, path.stem)
    if of_phee:
        return False, phee.from_items(items, path.stem, *chosen)
    ids: Iterable[str | None] = repeat(None)
    if foreign.is_foreign(first):
        ids = place_ids(path.stem, len(items))
    return False, [
        _document(item, where, reading.offsets, id)
        for (item, where), id in zip(items, ids, strict=False)
    ]


def _items(path: Path) -> list[tuple[object, str]]:
    """The parsed values of a file, each with where it stands."""
    content = read_text(path).removeprefix("\ufeff")
    if path.suffix.lower() != ".jsonl":
        try:
            data = _parse(content, path, 1)
        except _MoreValues:
            pass  # one a line, as spaCy, Hugging Face and PHEE write them under this name too
        else:
            if isinstance(data, list):
                return [(item, f"{path}: item {n}") for n, item in enumerate(data, 1)]
            return [(data, str(path))]
    # Inside a string a line end of JSON is an escape, and U+2028 is none.
    lines = [(n, line) for n, line in enumerate(split_lines(content), 1) if line.strip()]
    return [(_parse(line, path, n), f"{path}:{n}") for n, line in lines]


class _MoreValues(InputError):
    """A file has a JSON value, and something after it."""


def _parse(content: str, path: Path, line: int) -> object:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        kind = _MoreValues if error.msg == "Extra data" else InputError
        raise kind(f"{path}:{at}: not JSON ({error.msg}); mend the file") from None
    except (RecursionError, ValueError) as error:
        # Brackets nested too deep, or a number of thousands of digits.
        raise InputError(f"{path}:{line}: unusable JSON ({error}); mend the file") from None


def _document(
    data: object, where: str, offsets: str = "characters", foreign_id: str | None = None
) -> Document:
    """The document of a parsed value; with ``foreign_id`` it is another tool's."""
    if foreign_id is None:
        foreign.check_known(data, where)
    try:
        if foreign_id is None:
            return document_from_dict(cast(dict, data), offsets)  # which tells of what is none
        document = document_from_dict(foreign.to_dict(data, foreign_id), offsets)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    for mention in document.mentions:
        mention.text = mention.text or fragments_text(document.text, mention.fragments)
    return document


def read_json_folder(path: str | Path, reading: Reading = Reading()) -> tuple[bool, list[Document]]:
    """All documents of a folder's .json and .jsonl files, and whether any are sentences of tokens.

    Documents come sorted by id, sentences in the order of their files by name.
    """
    files = sorted(p for p in Path(path).iterdir() if is_json(p) and not p.name.startswith("."))
    read = [_read(file, reading) for file in files]
    tokens = any(are_tokens for are_tokens, _ in read)
    documents = [document for _, group in read for document in group]
    if tokens:
        warn_of_gold_cuts(documents)
    return tokens, documents if tokens else sorted(documents, key=lambda d: d.id)


def is_json(path: Path) -> bool:
    """Whether the name says that a file holds documents as JSON.

    What ``jnrf predict`` lists beside its predictions, notes that it has none for and files that
    it left as they were, are not.
    """
    lists = ("errors.jsonl", "kept.jsonl")
    log = path.name in lists and (path.parent / ".jnrf-predict.json").exists()
    return path.suffix.lower() in SUFFIXES and not log


def write_json(documents: Iterable[Document], path: str | Path, durable: bool = True) -> int:
    """Write documents and return how many there were.

    To ``path`` itself when it ends in .json (a list) or .jsonl (one a line), else to a folder
    with one ``ID.json`` each. Every file is put in place whole or not at all; ``durable`` is that
    of :func:`jnrf_ext.files.write_atomically`.
    """
    path = Path(path)
    if not is_json(path):
        return _write_folder(documents, path, durable)
    lines = [json.dumps(document_to_dict(d), ensure_ascii=False) for d in documents]
    if path.suffix.lower() == ".jsonl":
        write_atomically(path, "".join(f"{line}\n" for line in lines), durable)
    else:
        write_atomically(path, "[\n" + ",\n".join(lines) + "\n]\n", durable)
    return len(lines)


def _write_folder(documents: Iterable[Document], folder: Path, durable: bool) -> int:
    if folder.is_file():
        raise InputError(
            f"{folder} is a file; give a folder, or a name that ends in .json or .jsonl"
        )
    written: set[str] = set()
    for document in documents:
        check_file_name(document.id, written)
        written.add(document.id)
        content = json.dumps(document_to_dict(document), ensure_ascii=False, indent=1)
        write_atomically(folder / f"{document.id}.json", content + "\n", durable)
    return len(written)
