"""Corpora in and out: one module a format, each reads and writes the same document object."""

from __future__ import annotations

from pathlib import Path

from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

#: Names of the formats, as :func:`read_corpus` and the command line have them.
FORMATS = ("brat", "json", "tokens", "columns")


def open_corpus(
    path: str | Path, on_error: str = "raise", newlines: str = "auto"
) -> list[Document]:
    """The documents at ``path``, whatever the format: that is seen from what is there.

    A folder of .txt (and .ann, or BioNLP's .a1 and .a2) files is brat, one of .json or .jsonl files
    is JSON, one of .tsv, .conll, .bio, .iob (and the like) files is BIO columns; a single file of
    these kinds (a .txt with the .ann beside it, if any) works too. JSON whose items have "tokens"
    is token JSON. Documents are in their order, files in that of their names. ``on_error`` and
    ``newlines`` are those of :func:`jnrf.corpora.brat.read_document`. Files of a folder that are
    not read, and texts without annotations, are told in :class:`jnrf.corpora.notices.CorpusWarning`
    warnings.
    """
    return read_corpus(path, on_error, newlines)[1]


def read_corpus(
    path: str | Path, on_error: str = "raise", newlines: str = "auto"
) -> tuple[str, list[Document]]:
    """What :func:`open_corpus` returns, after the name of the format (one of ``FORMATS``)."""
    from jnrf.corpora import roles

    format, documents = _read_corpus(Path(path), on_error, newlines)
    if format == "json":
        roles.agree(documents)
    return format, documents


def _read_corpus(path: Path, on_error: str, newlines: str) -> tuple[str, list[Document]]:
    from jnrf.corpora import brat, columns, json, listing

    if not path.exists():
        raise InputError(f"no file or folder {path}; check the path")
    if path.is_dir():
        files = corpus_files(path)
        if not files or listing.is_standoff(files[0]):
            return "brat", brat.read_folder(path, on_error, newlines)
        _tell_not_read(path, files)
        if columns.is_columns(files[0]):
            return "columns", columns.read_columns(*files)
        tokens, documents = json.read_json_folder(path)
        return "tokens" if tokens else "json", documents
    if json.is_json(path):
        tokens, documents = json.read_json_or_tokens(path)
        return "tokens" if tokens else "json", documents
    if columns.is_columns(path):
        return "columns", columns.read_columns(path)
    if listing.is_standoff(path):
        documents = [brat.read_document(*listing.beside(path), on_error, newlines)]
        brat.tell_unannotated(path, documents)
        return "brat", documents
    raise InputError(
        f"{path} is neither a folder nor a .txt, .json, .jsonl or column file (.tsv, .conll, "
        ".bio); give a brat folder (NAME.txt with NAME.ann) or one of these"
    )


def _tell_not_read(folder: Path, files: list[Path]) -> None:
    from jnrf.corpora import listing, notices

    read = set(files)
    entries = (p for p in folder.iterdir() if not p.name.startswith(".") and p not in read)
    if others := listing.count_others(entries):
        kinds = ", ".join(sorted({file.suffix for file in files}))
        notices.tell(
            f"{folder}: not read: {listing.named_others(others)}; the corpus is its {kinds} files"
        )


def corpus_files(folder: Path) -> list[Path]:
    """The files of a folder that make it a corpus, sorted by name: those of one format.

    Texts and their annotation files if there are any, else the files of columns, else the JSON.
    Raises :class:`InputError` for a folder that cannot be read and for one with columns and JSON.
    """
    from jnrf.corpora import columns, json, listing

    try:
        names = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}; check its permissions") from None
    if brat := [p for p in names if listing.is_standoff(p)]:
        return brat
    in_columns, in_json = [[p for p in names if f(p)] for f in (columns.is_columns, json.is_json)]
    if in_columns and in_json:
        raise InputError(
            f"{folder} holds both columns ({in_columns[0].name}) and JSON ({in_json[0].name}); "
            "give one of the files, or a folder for each format"
        )
    return in_columns or in_json
