"""Where notes come from: a tree of files, JSON lines, Parquet, standard input."""

from __future__ import annotations

from pathlib import Path

from jnrf.corpora import corpus_files
from jnrf.corpora.columns import is_columns
from jnrf.corpora.json import is_json
from jnrf.corpora.listing import is_annotations
from jnrf.prediction.notes import Source
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.files import Files, walk
from jnrf_ext.errors import InputError

#: Formats that have a file of predictions for each file of the input.
FILE_FORMATS = ("json", "tokens", "columns")


def open_source(
    name: str | Path,
    columns: Columns | None = None,
    part_bytes: int = 2_097_152,
    to: str | None = None,
    leave_out: Path | None = None,
) -> tuple[Source, str]:
    """The notes at ``name``, and the format to write: ``to``, or what goes with them.

    A folder's .txt files, those of its subfolders too; or its .parquet files; or its .jsonl files;
    or, of the folder itself, the JSON or columns that make it a corpus. A single file of each kind.
    ``-`` is JSON lines on standard input. Parts have about ``part_bytes`` bytes of text, or one
    note. ``leave_out`` is a folder that is not entered (that of the predictions).

    Raises :class:`InputError` where there is nothing to read.
    """
    from jnrf.prediction.sources.json_lines import JsonLines, StandardInput
    from jnrf.prediction.sources.parquet import Parquet

    columns = columns or Columns()
    if str(name) == "-":
        _check_table_format(to, "standard input")
        return StandardInput(columns, part_bytes), to or "jsonl"
    path = Path(name)
    kind, files = _look(path, leave_out)
    if kind == "jsonl" and to not in FILE_FORMATS and not _holds_tokens(files[0]):
        return JsonLines(files, columns, part_bytes), to or "jsonl"
    if kind == "parquet":
        _check_table_format(to, str(path))
        return Parquet(files, columns, part_bytes), to or "parquet"
    root = path if path.is_dir() else path.parent
    if kind == "txt":
        only = None if path.is_dir() else path.name
        return Files(root, part_bytes, only=only, leave_out=leave_out), to or "brat"
    names = tuple(file.relative_to(root).as_posix() for file in files)
    return Files(root, part_bytes, names=names), to or "brat"


def _look(path: Path, leave_out: Path | None) -> tuple[str, list[Path]]:
    """What kind of notes are at a path, and their files; of .txt files the first one."""
    if path.is_file():
        if path.suffix in (".txt", ".parquet", ".jsonl"):
            return path.suffix[1:], [path]
        if is_json(path) or is_columns(path):
            return "corpus", [path]
        raise InputError(
            f"{path} is not a .txt, .jsonl, .parquet, .json or column file; give one, or a folder "
            "of them"
        )
    if not path.exists():
        raise InputError(f"no file or folder {path}; check the path")
    for suffix in ("txt", "parquet", "jsonl"):
        found = walk(path, f".{suffix}", leave_out)
        files = (f for f in found if isinstance(f, Path) and (suffix != "jsonl" or is_json(f)))
        first = next(files, None)
        if first is not None:
            return suffix, [first, *(files if suffix != "txt" else ())]
    files = [file for file in corpus_files(path) if not is_annotations(file)]
    if not files:
        raise InputError(
            f"no .txt files in {path} or below, nor .jsonl, .parquet, JSON or columns; give the "
            "folder that holds the notes"
        )
    stems: dict[str, Path] = {}
    for file in files:
        if stems.setdefault(file.stem, file) != file:
            raise InputError(
                f"{stems[file.stem].name} and {file.name} would have one output, {file.stem}; "
                "rename one of them"
            )
    return "corpus", files


def _holds_tokens(path: Path) -> bool:
    """Whether a .jsonl file is token JSON, which is a corpus, to be read as a whole."""
    import json

    from jnrf.corpora.tokens import holds_tokens

    try:
        with path.open("rb") as file:
            return holds_tokens(json.loads(next((line for line in file if line.strip()), b"0")))
    except (OSError, ValueError, RecursionError):
        return False  # to be told where it is read


def _check_table_format(to: str | None, name: str) -> None:
    if to in FILE_FORMATS:
        raise InputError(
            f"--to {to} has a file for each file of the input, which {name} cannot have; "
            "give --to jsonl, parquet or brat"
        )
