"""Notes that are files of a folder and its subfolders, or texts of a corpus' files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

from jnrf.corpora import read_corpus
from jnrf.corpora.brat import read_document
from jnrf.prediction.notes import Fault, Note, Part, Source, is_text
from jnrf.prediction.sources.folders import walk, why_no_file
from jnrf_ext.errors import InputError


class Files(Source):
    """The .txt files below ``root``, each a note; or the texts of the corpus files ``names``."""

    def __init__(
        self,
        root: Path,
        part_bytes: int,
        only: str | None = None,
        names: tuple[str, ...] | None = None,
        leave_out: Path | None = None,
    ) -> None:
        """``only`` is one .txt file of ``root``; ``leave_out`` as for :func:`walk`."""
        self.root = root
        self.part_bytes = part_bytes
        self.only = only
        self.names = names
        self.leave_out = leave_out
        self.names_files = names is None
        self._passed_over: Counter[str] = Counter()

    @property
    def passed_over(self) -> Mapping[str, int]:
        """See :class:`Source`."""
        return self._passed_over

    def _entries(self, passed_over: Counter[str] | None = None) -> Iterator[str | Fault]:
        if self.names is not None:
            yield from self.names
        elif self.only is not None:
            yield self.only
        else:
            for file in walk(self.root, ".txt", self.leave_out, passed_over, once=True):
                yield file if isinstance(file, Fault) else file.relative_to(self.root).as_posix()

    def _size(self, entry: str | Fault) -> int:
        if isinstance(entry, Fault):
            return 1
        try:
            return 1 + os.stat(self.root / entry).st_size  # empty files count too
        except OSError:
            return 1  # to be told when it is read

    def parts(self) -> Iterator[Part]:
        """Neighbours in the order of names.

        Where a part ends depends on the names around it alone, as far as size allows, so that a
        file that is added or taken away changes the parts near it, not all that follow.
        """
        index, size = 0, 0
        entries: list[str | Fault] = []
        self._passed_over = Counter()
        for entry in self._entries(self._passed_over):
            own = self._size(entry)
            if entries and size + own > self.part_bytes:
                yield Part(index, size, tuple(entries))
                index, size, entries = index + 1, 0, []
            entries.append(entry)
            size += own
            if _ends_part(entry, own, self.part_bytes):
                yield Part(index, size, tuple(entries))
                index, size, entries = index + 1, 0, []
        if entries:
            yield Part(index, size, tuple(entries))

    def measure(self) -> int:
        """Bytes of all files, and one for each."""
        return sum(map(self._size, self._entries()))

    def read(self, part: Part) -> list[Note | Fault]:
        """The texts, with a fault for each file that is none."""
        found: list[Note | Fault] = []
        for entry in part.content:
            if isinstance(entry, Fault):
                found.append(entry)
                continue
            place = str(self.root / entry)
            if not is_text(place):
                shown = place.encode("utf-8", "backslashreplace").decode()
                found.append(Fault(shown, "the name is not UTF-8; rename the file"))
                continue
            if reason := why_no_file(Path(place)):
                found.append(Fault(place, reason))
                continue
            try:
                found += self._notes(entry, place)
            except InputError as error:
                found.append(Fault(place, str(error)))
            except OSError as error:
                found.append(Fault(place, f"cannot be read: {error.strerror}"))
        return found

    def _notes(self, entry: str, place: str) -> list[Note]:
        if self.names is None:
            text = read_document(place, None).text
            return [Note(entry[: -len(".txt")], text, place, entry)]
        format, documents = read_corpus(place)
        words = "spaces" if format in ("tokens", "columns") else "split"
        return [Note(d.id, d.text, place, entry, words) for d in documents]


def _ends_part(entry: str | Fault, size: int, part_bytes: int) -> bool:
    """Whether a part ends after this file, which one in two parts' worth of bytes does."""
    name = entry.place if isinstance(entry, Fault) else entry
    digest = blake2b(os.fsencode(name), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < size / (2 * part_bytes)
