"""Where a corpus is written: nothing that stands there is lost, or mixed with it, silently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jnrf.corpora import columns, json, tokens
from jnrf.corpora.sentences import files_to_write
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

#: Suffixes of files that a folder is read as a corpus by
_CORPUS = (".txt", ".ann", *json.SUFFIXES, *columns.SUFFIXES)


def files_of(documents: Sequence[Document], out: Path, format: str) -> list[Path]:
    """The files that the documents are written to, by the format's writer."""
    if format == "brat":
        return brat_files((document.id for document in documents), out)
    if format == "json":
        in_one = out.suffix.lower() in json.SUFFIXES
        return [out] if in_one else [out / f"{document.id}.json" for document in documents]
    suffixes = tokens.SUFFIXES if format == "tokens" else columns.SUFFIXES
    return [file for file, _ in files_to_write(documents, out, suffixes)]


def brat_files(ids: Iterable[str], folder: Path) -> list[Path]:
    """The .txt and the .ann of each id."""
    return [folder / f"{id}{suffix}" for id in ids for suffix in (".txt", ".ann")]


def claim(out: Path, files: Sequence[Path], overwrite: bool, source: Path | None = None) -> None:
    """Raise :class:`InputError` where writing ``files``, into ``out`` or as it, would do harm.

    Files that are there are written over with ``overwrite`` only, and those of ``source``, which is
    being read, never. A folder may hold no other file of a corpus: it would be read as part of the
    new one.
    """
    _keep_source(files, source)
    if out.is_dir():
        seen = (path for path in out.iterdir() if not path.name.startswith("."))
        there = sorted(path for path in seen if path.suffix.lower() in _CORPUS)
    else:
        there = [file for file in files if file.exists()]
    if there and not overwrite:
        raise InputError(
            f"{_named(out, there)}; give another OUT, or --overwrite to write over files of the "
            "same names"
        )
    ours = set(files)
    if other := [path for path in there if path not in ours]:
        raise InputError(
            f"{_named(out, other)}, which would be read together with the new files; move such "
            "files away, or give another OUT"
        )


def _named(out: Path, there: Sequence[Path]) -> str:
    more = f" and {len(there) - 1:,} more" if len(there) > 1 else ""
    if there[0] == out:
        return f"{out} is there already"
    return f"{out} holds {shown(there[0].name)}{more}"


def _keep_source(files: Sequence[Path], source: Path | None) -> None:
    if source is None or not source.exists():
        return
    # A text may have been given, whose .ann is read with it.
    folder = source if source.is_dir() else source.parent
    read = {p.resolve() for p in (source.iterdir() if source.is_dir() else [source])}
    if not source.is_dir():
        read.update((folder / f"{source.stem}{suffix}").resolve() for suffix in (".txt", ".ann"))
    for file in files:
        if file.exists() and file.resolve() in read:
            raise InputError(f"{file} is read, and would be written over; give another OUT")
