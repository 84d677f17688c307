"""Corpora in and out: one module a format, each reads and writes the same document object."""

from __future__ import annotations

from pathlib import Path

from jnrf_ext.document import Document
from jnrf_ext.errors import InputError


def open_corpus(
    path: str | Path, on_error: str = "raise", newlines: str = "auto"
) -> list[Document]:
    """The documents at ``path``, whatever the format: that is seen from what is there.

    A folder of .txt (and .ann) files is brat, one of .json or .jsonl files is JSON; a single
    .json, .jsonl or .txt file (with the .ann beside it, if any) works too. ``on_error`` and
    ``newlines`` are those of :func:`jnrf.corpora.brat.read_document`.
    """
    from jnrf.corpora import brat, json

    path = Path(path)
    if not path.exists():
        raise InputError(f"no file or folder {path}; check the path")
    if path.is_dir():
        try:
            names = [p for p in path.iterdir() if not p.name.startswith(".")]
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}; check its permissions"
            ) from None
        if not any(p.suffix in (".txt", ".ann") for p in names) and any(map(json.is_json, names)):
            return json.read_json_folder(path)
        return brat.read_folder(path, on_error, newlines)
    if json.is_json(path):
        return json.read_json(path)
    if path.suffix in (".txt", ".ann"):
        ann = path.with_suffix(".ann")
        text = path.with_suffix(".txt")
        return [brat.read_document(text, ann if ann.exists() else None, on_error, newlines)]
    raise InputError(
        f"{path} is neither a folder nor a .json, .jsonl or .txt file; give a brat folder "
        "(NAME.txt with NAME.ann) or what `jnrf convert` wrote"
    )
