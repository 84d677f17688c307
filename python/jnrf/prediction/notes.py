"""What is predicted on: notes, the parts that they come in, and what could not be."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jnrf_ext.errors import InputError

#: Bytes of clinical text a wordpiece, roughly.
BYTES_A_WORDPIECE = 4


@dataclass(frozen=True, slots=True)
class Note:
    """A text to annotate."""

    id: str
    text: str
    #: For messages: its file, or file and line or row
    place: str
    #: The file that it came from, below the input's folder
    file: str
    #: How its words are found where predictions are tokens: one of jnrf.corpora.sentences.WORDS
    words: str = "split"


@dataclass(frozen=True, slots=True)
class Fault:
    """A note that there is no prediction for, and why. The reason never quotes the text."""

    place: str
    reason: str
    id: str | None = None
    #: Its model failed on it, which another try may mend; else it could not be read
    by_model: bool = False

    def __str__(self) -> str:
        return self.reason if self.place in self.reason else f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring notes that are read, predicted and written as one."""

    #: Its place among the parts of its source, from 0
    index: int
    #: Its share of :meth:`Source.measure`
    size: int
    #: Where its notes are; what exactly is its source's own affair
    content: tuple


class Source(ABC):
    """Where notes come from. It is pickled to the workers of a cluster."""

    #: Whether notes are files of a folder, so that ids are file names and each comes once
    names_files = False

    @property
    def passed_over(self) -> Mapping[str, int]:
        """How many files of a folder are no notes, by the endings of their names, once all came."""
        return {}

    @property
    def writes_texts(self) -> bool:
        """Whether texts go beside predictions: no file of the input holds just one."""
        return not self.names_files

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """All parts in order: the same ones each time for the same input and sizes."""

    @abstractmethod
    def read(self, part: Part) -> list[Note | Fault]:
        """The notes of a part in order, with a fault in the place of each that is none.

        Raises :class:`InputError` where the input is another than when its parts were cut.
        """

    @abstractmethod
    def measure(self) -> int | None:
        """The sizes of all parts together; None where that cannot be known beforehand."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What of a file changes when its content does."""

    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Of a file as it is now. Raises :class:`InputError` where there is none."""
        try:
            status = os.stat(path)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None
        return cls(status.st_size, status.st_mtime_ns)

    def check(self, path: Path) -> None:
        """Raise :class:`InputError` where the file has changed since."""
        if Stamp.of(path) != self:
            raise InputError(
                f"{path} changed while it was read; what is written so far is kept: run the same "
                "command again once the file is complete"
            )


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8; half a surrogate pair cannot."""
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
