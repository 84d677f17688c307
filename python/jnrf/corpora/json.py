"""Documents as JSON: .json (one document or a list), .jsonl (one a line), or a folder of these.

Files of the same names may hold sentences of tokens instead (:mod:`jnrf.corpora.tokens`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from jnrf.corpora.brat import check_file_name
from jnrf.corpora.tokens import from_items, holds_tokens
from jnrf_ext.document import Document
from jnrf_ext.document_dict import document_from_dict, document_to_dict
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

SUFFIXES = (".json", ".jsonl")


def read_json(path: str | Path) -> list[Document]:
    """The documents of a .json or .jsonl file, in its order.

    Raises :class:`InputError` naming file, line or item, and remedy for what is not JSON or no
    document.
    """
    return [_document(item, where) for item, where in _items(Path(path))]


def read_json_or_tokens(path: str | Path) -> tuple[bool, list[Document]]:
    """The documents of a file in its order, and whether they are sentences of tokens."""
    path = Path(path)
    items = _items(path)
    if items and holds_tokens(items[0][0]):
        return True, from_items(items, path.stem)
    return False, [_document(item, where) for item, where in items]


def _items(path: Path) -> list[tuple[object, str]]:
    """The parsed values of a file, each with where it stands."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"no file {path}; check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; convert the file") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    if path.suffix == ".jsonl":
        # Only \n ends a line of JSON Lines: U+2028 may stand inside a string.
        lines = [(n, line) for n, line in enumerate(content.split("\n"), 1) if line.strip()]
        return [(_parse(line, path, n), f"{path}:{n}") for n, line in lines]
    data = _parse(content, path, 1)
    if isinstance(data, list):
        return [(item, f"{path}: item {n}") for n, item in enumerate(data, 1)]
    return [(data, str(path))]


def _parse(content: str, path: Path, line: int) -> object:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise InputError(f"{path}:{at}: not JSON ({error.msg}); mend the file") from None
    except (RecursionError, ValueError) as error:
        # Brackets nested too deep, or a number of thousands of digits.
        raise InputError(f"{path}:{line}: unusable JSON ({error}); mend the file") from None


def _document(data: object, where: str) -> Document:
    try:
        return document_from_dict(data)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def read_json_folder(path: str | Path) -> tuple[bool, list[Document]]:
    """All documents of a folder's .json and .jsonl files, and whether any are sentences of tokens.

    Documents come sorted by id, sentences in the order of their files by name.
    """
    files = sorted(p for p in Path(path).iterdir() if is_json(p) and not p.name.startswith("."))
    read = [read_json_or_tokens(file) for file in files]
    tokens = any(are_tokens for are_tokens, _ in read)
    documents = [document for _, group in read for document in group]
    return tokens, documents if tokens else sorted(documents, key=lambda d: d.id)


def is_json(path: Path) -> bool:
    """Whether the name says that a file holds documents as JSON.

    What ``jnrf predict`` lists beside its predictions, notes that it has none for and files that
    it left as they were, are not.
    """
    lists = ("errors.jsonl", "kept.jsonl")
    log = path.name in lists and (path.parent / ".jnrf-predict.json").exists()
    return path.suffix in SUFFIXES and not log


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
    if path.suffix == ".jsonl":
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
