"""Where notes come from: a tree of files, JSON lines, CSV, Parquet, standard input."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from jnrf.corpora import corpus_files
from jnrf.corpora.columns import is_columns
from jnrf.corpora.json import is_json
from jnrf.corpora.listing import is_annotations, named_others
from jnrf.prediction.notes import Fault, Source
from jnrf.prediction.receipts import ERRORS, KEPT, MARK
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.files import Files
from jnrf.prediction.sources.folders import ends, walk, why_no_file
from jnrf.prediction.sources.tables import TableFiles, is_compressed, lines_of, open_bytes
from jnrf_ext.errors import InputError

#: Formats that have a file of predictions for each file of the input.
FILE_FORMATS = ("json", "tokens", "columns")
#: The endings of files by what is in them, in the order in which a folder is searched for them
_ENDINGS = {
    "txt": (".txt",),
    "parquet": (".parquet",),
    "jsonl": (".jsonl", ".jsonl.gz"),
    "csv": (".csv", ".csv.gz"),
    "tsv": (".tsv", ".tsv.gz"),
}


def open_source(
    name: str | Path,
    columns: Columns | None = None,
    part_bytes: int = 2_097_152,
    to: str | None = None,
    leave_out: Path | None = None,
    delimiter: str | None = None,
) -> tuple[Source, str]:
    """The notes at ``name``, and the format to write: ``to``, or what goes with them.

    A folder's .txt files, those of its subfolders too; or its .parquet files; or its .jsonl, or its
    .csv files, compressed (.gz) or not; or, of the folder itself, the JSON or columns that make it
    a corpus. A single file of each kind. A .tsv file is a table where its first row names the
    columns. ``-`` is JSON lines on standard input. Parts have about ``part_bytes`` bytes of text,
    or one note. ``leave_out`` is a folder that is not entered (that of the predictions).
    ``delimiter`` is that of CSV.

    Raises :class:`InputError` where there is nothing to read.
    """
    from jnrf.prediction.sources.csv_files import Csv
    from jnrf.prediction.sources.json_lines import JsonLines, StandardInput
    from jnrf.prediction.sources.parquet import Parquet

    columns = columns or Columns()
    if str(name) == "-":
        _check_table_format(to, "standard input")
        return StandardInput(columns, part_bytes), to or "jsonl"
    path = Path(name)
    kind, found, others = _look(path, columns, leave_out)
    files = [file for file in found if isinstance(file, Path)]
    faults = tuple(file for file in found if isinstance(file, Fault))
    root = path if path.is_dir() else path.parent
    if kind == "txt":
        only = None if path.is_dir() else path.name
        return Files(root, part_bytes, only=only, leave_out=leave_out), to or "brat"
    if kind == "jsonl" and (_holds_tokens(files[0]) or to in FILE_FORMATS):
        kind = "corpus"
    if kind == "corpus":
        if packed := next(filter(is_compressed, files), None):
            raise InputError(f"{packed} is a compressed corpus; {_unpacking(path)}")
        names = tuple(file.relative_to(root).as_posix() for file in files)
        return Files(root, part_bytes, names=names), to or "brat"
    _check_table_format(to, str(path))
    if kind == "csv":
        table: TableFiles = Csv(files, columns, part_bytes, faults, delimiter)
    else:
        table = (JsonLines if kind == "jsonl" else Parquet)(files, columns, part_bytes, faults)
    table.others = {e: n for e, n in others.items() if not _is_of_table(e)}
    return table, to or ("parquet" if kind == "parquet" else "jsonl")


def _unpacking(path: Path) -> str:
    """A command that unpacks a file, or all of a folder, where none may be there twice then."""
    them, how = ("all", "-r") if path.is_dir() else ("it", "-k")
    return f"unpack {them} first: gunzip {how} {shlex.quote(str(path))}"


def _is_of_table(ending: str) -> bool:
    """Whether files with this ending come with tables as a matter of course (_SUCCESS)."""
    return ending == "no ending"


def _look(
    path: Path, columns: Columns, leave_out: Path | None
) -> tuple[str, Sequence[Path | Fault], Mapping[str, int]]:
    """What kind of notes are at a path, their files (of .txt the first), and others by endings."""
    from jnrf.prediction.sources.csv_files import has_columns

    if not path.exists():
        raise InputError(f"no file or folder {path}; check the path")
    if not path.is_dir():
        if reason := why_no_file(path):
            raise InputError(f"{path} {reason}, or pipe JSON lines into jnrf predict MODEL -")
        for kind, endings in _ENDINGS.items():
            if ends(path.name, endings) and (kind != "tsv" or has_columns(path, columns)):
                return "csv" if kind == "tsv" else kind, [path], {}
        if is_json(path) or is_columns(path):
            return "corpus", [path], {}
        if is_compressed(path):
            raise InputError(f"{path} is compressed; {_unpacking(path)}")
        raise InputError(
            f"{path} is not a .txt, .jsonl, .csv, .parquet, .json or column file; give one, or a "
            "folder of them"
        )
    for kind, endings in _ENDINGS.items():
        others: Counter[str] = Counter()
        found: Iterator[Path | Fault] = map(_checked, walk(path, endings, leave_out, others))
        if kind == "jsonl":
            found = (f for f in found if isinstance(f, Fault) or not _is_list(f))
        if kind == "txt":
            first = next((f for f in found if isinstance(f, Path)), None)
            files: list[Path | Fault] = [] if first is None else [first]
        else:
            files = list(found)
        first = next((f for f in files if isinstance(f, Path)), None)
        if first is not None and (kind != "tsv" or has_columns(first, columns)):
            return "csv" if kind == "tsv" else kind, files, others
    corpus = [file for file in corpus_files(path) if not is_annotations(file)]
    if not corpus:
        held = f" (but {named_others(others)})" if others else ""
        raise InputError(
            f"no .txt files in {path} or below, nor .jsonl, .csv, .parquet, JSON or columns{held}; "
            "give the folder that holds the notes as plain text"
        )
    stems: dict[str, Path] = {}
    for file in corpus:
        if stems.setdefault(file.stem, file) != file:
            raise InputError(
                f"{stems[file.stem].name} and {file.name} would have one output, {file.stem}; "
                "rename one of them"
            )
    return "corpus", corpus, {}


def _is_list(path: Path) -> bool:
    """Whether a file is a list that ``jnrf predict`` put beside its predictions."""
    return path.name in (ERRORS, KEPT) and (path.parent / MARK).exists()


def _checked(file: Path | Fault) -> Path | Fault:
    """A fault for what cannot be read to its end; a folder or a lost link is told by who reads."""
    if isinstance(file, Path) and (reason := why_no_file(file)):
        return Fault(str(file), reason)
    return file


def _holds_tokens(path: Path) -> bool:
    """Whether a .jsonl file is token JSON, which is a corpus, to be read as a whole."""
    import json

    from jnrf.corpora.tokens import holds_tokens

    try:
        with open_bytes(path) as file, closing(lines_of(file, path)) as lines:
            return holds_tokens(json.loads(next((line for line in lines if line.strip()), b"0")))
    except (OSError, ValueError, RecursionError):
        return False  # to be told where it is read


def _check_table_format(to: str | None, name: str) -> None:
    if to in FILE_FORMATS:
        raise InputError(
            f"--to {to} has a file for each file of the input, which {name} cannot have; "
            "give --to jsonl, parquet or brat"
        )
