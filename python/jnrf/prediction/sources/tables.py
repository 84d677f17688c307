"""Tables that are files, some of them compressed: what all of their formats have in common."""

from __future__ import annotations

import gzip
import io
import zlib
from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jnrf.corpora.texts import conversion, other_encoding
from jnrf.prediction.notes import Fault, Note, Part, Source, Stamp
from jnrf_ext.errors import InputError

#: Bytes of a line: a file without line ends would fill the memory
LONGEST_LINE = 1 << 28


class TableFiles(Source):
    """The rows of files, in their order, then what a folder holds that only looks like one."""

    def __init__(self, files: list[Path], faults: tuple[Fault, ...] = ()) -> None:
        self.files = files
        #: Folders and files that cannot be read
        self.faults = faults
        self.others: Mapping[str, int] = {}
        self._open: tuple[Path, Stamp, BinaryIO] | None = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_open": None}

    @property
    def passed_over(self) -> Mapping[str, int]:
        """See :class:`Source`."""
        return self.others

    def parts(self) -> Iterator[Part]:
        """Runs of rows of one file each, then a part for what cannot be read."""
        index = 0
        for size, content in self._contents():
            yield Part(index, size, content)
            index += 1
        if self.faults:
            yield Part(index, 0, self.faults)

    @abstractmethod
    def _contents(self) -> Iterator[tuple[int, tuple]]:
        """The size and the content of each part."""

    def read(self, part: Part) -> list[Note | Fault]:
        """The notes of the rows."""
        are_faults = isinstance(part.content[0], Fault)
        return list(part.content) if are_faults else self._read(part.content)

    @abstractmethod
    def _read(self, content: tuple) -> list[Note | Fault]:
        """The notes of a part's content."""

    def measure(self) -> int | None:
        """Bytes of all files; None where some are compressed, for then those are not of text."""
        if any(map(is_compressed, self.files)):
            return None
        return sum(Stamp.of(path).size for path in self.files)

    def _bytes(self, path: Path, stamp: Stamp, start: int, stop: int) -> bytes:
        """Bytes of a file, of what is in it where it is compressed.

        That is kept open, for the next part most likely goes on where this one ends.
        """
        stamp.check(path)
        with reading(path):
            if self._open is None or self._open[:2] != (path, stamp):
                self.close()
                self._open = (path, stamp, open_bytes(path))
            file = self._open[2]
            file.seek(start)
            data = file.read(stop - start)
        stamp.check(path)
        return data

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open[2].close()
            self._open = None


def is_compressed(path: Path) -> bool:
    """Whether a name says that a file is compressed."""
    return path.name.lower().endswith(".gz")


def open_bytes(path: Path) -> BinaryIO:
    """A file to read; what is in it, where it is compressed."""
    try:
        if is_compressed(path):
            return io.BufferedReader(gzip.GzipFile(path), 1 << 20)
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What the library raises at a damaged file, as an :class:`InputError`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        # The library's own words quote the first bytes of a file that is not compressed.
        raise InputError(
            f"cannot read {path} as gzip: damaged, or not compressed; copy the file again, or "
            "rename it if it is not compressed"
        ) from None


def lines_of(file: BinaryIO, path: Path) -> Generator[bytes, None, None]:
    """Lines with their ends; raises :class:`InputError` for one without end."""
    with reading(path):
        number = 1
        while line := file.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise InputError(
                    f"{path}:{number}: the line is longer than {LONGEST_LINE:,} bytes; mend the "
                    "file, which has \\n after each row"
                )
            yield line
            number += 1


def check_encoding(start: bytes, path: Path) -> None:
    """Raise :class:`InputError` for a file that begins like one of UTF-16 or UTF-32."""
    if (other := other_encoding(start)) is not None:
        how = conversion(other, path, is_compressed(path))
        raise InputError(f"{path}: {other.upper()}, not UTF-8; {how}")
