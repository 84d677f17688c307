"""Notes that are lines of JSON, in files or on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from jnrf.prediction.notes import Fault, Note, Part, Source, Stamp
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.tables import TableFiles, check_encoding, lines_of, open_bytes
from jnrf_ext.errors import InputError

#: What compressed data begins with
_GZIP = b"\x1f\x8b"


def parse_lines(
    lines: Iterable[bytes], first: int, file: str, columns: Columns
) -> list[Note | Fault]:
    """The notes of lines, the first of which has the number ``first``; blank ones are none."""
    found: list[Note | Fault] = []
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            row = json.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except UnicodeDecodeError as error:
            found.append(Fault(place, f"not UTF-8 at byte {error.start} of the line"))
        except json.JSONDecodeError as error:
            found.append(Fault(place, f"not JSON ({error.msg} at character {error.pos})"))
        except (RecursionError, ValueError):
            found.append(Fault(place, "brackets nested too deep, or a number of too many digits"))
        else:
            found.append(columns.note(row, place, file))
    return found


class JsonLines(TableFiles):
    """The lines of .jsonl and .jsonl.gz files, an object each, with a text and an id."""

    def __init__(
        self, files: list[Path], columns: Columns, part_bytes: int, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Raises :class:`InputError` where the first line lacks the columns."""
        super().__init__(files, faults)
        self.columns = columns
        self.part_bytes = part_bytes
        _check_first(files[0], columns)

    def _contents(self) -> Iterator[tuple[int, tuple]]:
        """Runs of whole lines, of one file each, as (file, its stamp, first byte, end, line)."""
        for path in self.files:
            stamp = Stamp.of(path)
            with open_bytes(path) as file:
                for start, stop, line in cut_lines(lines_of(file, path), self.part_bytes):
                    yield stop - start, (path, stamp, start, stop, line)

    def _read(self, content: tuple) -> list[Note | Fault]:
        path, stamp, start, stop, line = content
        lines = self._bytes(path, stamp, start, stop).split(b"\n")  # only \n ends one
        return parse_lines(lines, line, str(path), self.columns)


class StandardInput(Source):
    """Lines of JSON on standard input, which can be read once only."""

    def __init__(self, columns: Columns, part_bytes: int, stream: BinaryIO | None = None) -> None:
        self.columns = columns
        self.part_bytes = part_bytes
        self.stream = stream

    def parts(self) -> Iterator[Part]:
        """Runs of lines; a part holds them itself, with the number of the first."""
        stream = sys.stdin.buffer if self.stream is None else self.stream
        index, first, size = 0, 1, 0
        lines: list[bytes] = []
        for line in stream:
            if index == 0 and not lines and line.startswith(_GZIP):
                raise InputError("standard input is compressed; unpack it before: zcat FILE | ...")
            lines.append(line)
            size += len(line)
            if size >= self.part_bytes:
                yield Part(index, size, (lines, first))
                index, first, size, lines = index + 1, first + len(lines), 0, []
        if lines:
            yield Part(index, size, (lines, first))

    def measure(self) -> None:
        """Unknown."""
        return None

    def read(self, part: Part) -> list[Note | Fault]:
        """The notes of the lines."""
        lines, first = part.content
        return parse_lines(lines, first, "standard input", self.columns)


def cut_lines(lines: Iterable[bytes], part_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Runs of whole lines as (first byte, end, number of the first line)."""
    start, stop, first, number = 0, 0, 1, 1
    for line in lines:
        if stop > start and stop + len(line) - start > part_bytes:
            yield start, stop, first
            start, first = stop, number
        stop += len(line)
        number += 1
    if stop > start:
        yield start, stop, first


def _check_first(path: Path, columns: Columns) -> None:
    """Tell a wrong choice of columns at once, not once a line."""
    with open_bytes(path) as file:
        line = next((line for line in lines_of(file, path) if line.strip()), b"")
    check_encoding(line, path)
    try:
        row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return  # a fault of this line
    if isinstance(row, dict):
        columns.check(list(row), f"{path}: the first line")
