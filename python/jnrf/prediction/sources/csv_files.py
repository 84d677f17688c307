"""Notes that are rows of CSV files: fields with a delimiter between them, quoted where need be."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from jnrf.prediction.notes import Fault, Note, Stamp, is_text
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.tables import TableFiles, check_encoding, lines_of, open_bytes
from jnrf_ext.errors import InputError
from jnrf_ext.shown import reason_of

#: What may stand between fields, unless one is named
DELIMITERS = (",", ";", "\t", "|")
#: Characters of a field: a quote that is never closed would take in the rest of the file
_LONGEST_FIELD = 1 << 26


class Csv(TableFiles):
    """The rows of .csv, .tsv, .csv.gz and .tsv.gz files, the first of which names the columns.

    A field in quotes may hold delimiters, line breaks and, doubled, quotes.
    """

    def __init__(
        self,
        files: list[Path],
        columns: Columns,
        part_bytes: int,
        faults: tuple[Fault, ...] = (),
        delimiter: str | None = None,
    ) -> None:
        """``delimiter``: by default the one that makes the columns of a file's first row.

        Raises :class:`InputError` where the first file lacks the columns.
        """
        super().__init__(files, faults)
        self.columns = columns
        self.part_bytes = part_bytes
        self.delimiter = delimiter
        read_header(files[0], columns, delimiter)

    def _contents(self) -> Iterator[tuple[int, tuple]]:
        """Runs of rows: (file, its stamp, first byte, end, first line, header, delimiter)."""
        for path in self.files:
            stamp = Stamp.of(path)
            header, delimiter = read_header(path, self.columns, self.delimiter)
            with open_bytes(path) as file:
                rows = Rows(lines_of(file, path), str(path), delimiter)
                rows.header()
                # The bytes before the first row, which are of no note, count as of its part.
                counted, start, first = 0, rows.bytes, rows.line
                for row in chain(rows, (None,)):
                    stop = rows.bytes
                    if stop > start and (stop - start >= self.part_bytes or row is None):
                        content = (path, stamp, start, stop, first, header, delimiter)
                        yield stop - counted, content
                        counted, start, first = stop, stop, rows.line

    def _read(self, content: tuple) -> list[Note | Fault]:
        path, stamp, start, stop, first, header, delimiter = content
        lines = io.BytesIO(self._bytes(path, stamp, start, stop))
        rows = Rows(lines, str(path), delimiter, first)
        return [self._note(row, header, place, str(path)) for place, row in rows if row]

    def _note(self, row: list[str], header: Sequence[str], place: str, file: str) -> Note | Fault:
        if len(row) != len(header):
            return Fault(place, f"has {len(row):,} fields, the first row {len(header):,}")
        values = dict(zip(header, row, strict=True))
        kept: dict[str, str | bytes | None] = {}
        for name in (self.columns.id, self.columns.text):
            value = values[name]
            # Bytes that are not UTF-8 stay bytes: columns.note() tells of them.
            kept[name] = value if is_text(value) else value.encode("utf-8", "surrogateescape")
        if kept[self.columns.id] == "":
            kept[self.columns.id] = None
        return self.columns.note(kept, place, file)


class Rows:
    """The rows of lines, each with its place; knows how many bytes and lines they took.

    Raises :class:`InputError` where quotes are at odds: then nobody knows where a row ends.
    """

    def __init__(self, lines: Iterable[bytes], file: str, delimiter: str, line: int = 1) -> None:
        """``line`` is the number of the first of ``lines``."""
        self.bytes = 0
        self.line = line
        self._file = file
        csv.field_size_limit(_LONGEST_FIELD)
        self._reader = csv.reader(self._decoded(lines), delimiter=delimiter, strict=True)

    def _decoded(self, lines: Iterable[bytes]) -> Iterator[str]:
        for line in lines:
            text = line.removeprefix(b"\xef\xbb\xbf") if self.line == 1 else line
            self.bytes += len(line)
            self.line += 1
            yield text.decode("utf-8", "surrogateescape")

    def header(self) -> tuple[str, ...]:
        """The first row that is not blank; no names where there is none."""
        return tuple(next((row for _, row in self if row), ()))

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        return self

    def __next__(self) -> tuple[str, list[str]]:
        """The next row, empty for a blank line, after its place."""
        place = f"{self._file}:{self.line}"
        try:
            return place, next(self._reader)
        except csv.Error as error:
            raise InputError(
                f"{place}: not CSV ({reason_of(error)}); put a field with a delimiter, a quote or "
                "a line break into quotes, and double the quotes in it"
            ) from None


def read_header(
    path: Path, columns: Columns, delimiter: str | None = None
) -> tuple[tuple[str, ...], str]:
    """The names of a file's columns, and what stands between fields.

    Raises :class:`InputError` where there are no such columns, or twice.
    """
    found: list[tuple[tuple[str, ...], str]] = []
    fault: InputError | None = None
    for tried in DELIMITERS if delimiter is None else (delimiter,):
        try:
            names = _first_row(path, tried)
        except InputError as error:
            fault = fault or error
            continue
        if {columns.text, columns.id} <= set(names):
            columns.check(names, f"{path}: the first row")
            return names, tried
        found.append((names, tried))
    if fault is not None and not found:
        raise fault
    names, tried = max(found, key=lambda each: len(each[0]))
    columns.check(names, f"{path}: the first row", sure=False)
    return names, tried


def has_columns(path: Path, columns: Columns) -> bool:
    """Whether a file is a table with these columns."""
    try:
        read_header(path, columns)
    except InputError:
        return False
    return True


def _first_row(path: Path, delimiter: str) -> tuple[str, ...]:
    with open_bytes(path) as file, closing(lines_of(file, path)) as lines:
        first = next(lines, b"")
        check_encoding(first, path)
        return Rows(chain([first], lines), str(path), delimiter).header()
