"""The hashes of all files that predictions were written to: they tell when someone changed one.

A file whose content was never written here is someone's work, and is kept unless the user says
otherwise. The hashes of a part are on disk before its files are: a run that is killed in between
leaves files whose content is known, old or new.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from jnrf_ext.files import write_atomically

#: Of a file: the hash of its name below the folder of predictions, and that of its content
_ENTRY = np.dtype([("name", "<u8"), ("content", "<u8")])
#: What ends the names of files with the hashes of a part, beside the receipts
_OF_PART = ".written"
#: The hashes of all parts of the runs that came to their end
_OF_ALL = "written"

CHANGED = "changed since it was written"
UNKNOWN = "made by hand, or by an earlier version of this program"


@dataclass(frozen=True)
class Replace:
    """Which files that hold something else than predictions may be written over."""

    #: Those that were changed since they were written, and all others
    changed: bool = False
    #: Those that were never written here
    foreign: bool = False


NOTHING = Replace()


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file was written to since it was looked at."""

    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Of a file with that status."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


class Written:
    """Writes the files of predictions, and knows what it wrote."""

    def __init__(self, out: Path, folder: Path, replace: Replace = NOTHING) -> None:
        """``folder`` holds the hashes, and is below ``out``."""
        self.out = out
        self.folder = folder
        self.replace = replace
        #: Hashes of names and of contents, in the order of the first; read once they are needed
        self._known: tuple[np.ndarray, np.ndarray] | None = None
        #: The entries of a part that was begun before, by a worker that died of it perhaps
        self._begun = np.empty(0, _ENTRY)

        #: What runs that did not end have left, as this one found it
        self._left: _Left | None = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_known": None, "_left": None}

    def write(
        self,
        key: str,
        units: Sequence[dict[str, bytes]],
        durable: bool,
        damaged: Callable[[bytes, bytes], bool] = lambda found, new: False,
    ) -> dict[str, str]:
        """Write the files of a part, by their names below the folder; returns why some are kept.

        Of a unit all files are written, or none where one of them is someone's work. ``damaged``
        says of what is found, and what is to be written, whether the first is a broken file. Unless
        ``durable``, the system is told to put all of them on disk at the end, not one by one.
        """
        self._begun = _entries_of(self.folder / f"{key}{_OF_PART}")
        kept: dict[str, str] = {}
        chosen: list[tuple[dict[str, bytes], list[Stamp | None]]] = []
        for unit in units:
            stamps = self._look(unit, damaged, kept)
            if stamps is not None:
                chosen.append((unit, stamps))
        self._note(key, [unit for unit, _ in chosen])
        for unit, stamps in chosen:
            saved = stamps != [_stamp(self.out / name) for name in unit]  # by someone, just now
            if saved and self._look(unit, damaged, kept) is None:
                continue
            for name, data in unit.items():
                write_atomically(self.out / name, data, durable)
        if chosen and not durable:
            os.sync()  # one wait for all of them
        return kept

    def may_remove(self, name: str) -> str | None:
        """Why a file that is not needed any more is kept; None where it may go."""
        reason = self._against(name, None, lambda found, new: False)
        known = self.replace.changed or len(self._hashes_of(name))
        return reason if reason or known else UNKNOWN

    def changed(self, names: Iterable[str]) -> bool:
        """Whether any of these files holds something else than what was written."""
        return any(self._differs(name) for name in names)

    def begun_by_another(self, key: str, names: Iterable[str]) -> bool:
        """Whether a run of other settings that did not end may have written over these files."""
        if self._left is None:
            self._left = _Left(self._parts())
        return self._left.has_others(key, [_hash(os.fsencode(name)) for name in names])

    def _look(self, unit: dict[str, bytes], damaged, kept: dict[str, str]) -> list | None:
        """The stamps of a unit's files, None where there is none; or None, and why it is kept."""
        stamps = [_stamp(self.out / name) for name in unit]
        against = {}
        for (name, new), stamp in zip(unit.items(), stamps, strict=True):
            reason = None if stamp is None else self._against(name, new, damaged)
            if reason is not None:
                against[name] = reason
        kept.update(against)
        return None if against else stamps

    def _against(self, name: str, new: bytes | None, damaged) -> str | None:
        """Why a file must not be written over, or None."""
        path = self.out / name
        if self.replace.changed or path.is_dir():  # of a folder the writing says why
            return None
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return "is no plain file"
            found = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if new is not None and (found == new or damaged(found, new)):
            return None
        hashes = self._hashes_of(name)
        if _hash(found) in hashes:
            return None
        if len(hashes):
            return CHANGED
        return None if self.replace.foreign else UNKNOWN

    def _differs(self, name: str) -> bool:
        try:
            return _hash((self.out / name).read_bytes()) not in self._hashes_of(name)
        except OSError:
            return True

    def _hashes_of(self, name: str) -> np.ndarray:
        """The hashes of all that was written to a file."""
        if self._known is None:
            read = map(_entries_of, [self.folder / _OF_ALL, *self._parts()])
            entries = _in_order(np.concatenate(list(read)))
            self._known = (entries["name"].copy(), entries["content"].copy())
        digest = _hash(os.fsencode(name))
        names, contents = self._known
        first = np.searchsorted(names, digest, "left")
        end = np.searchsorted(names, digest, "right")
        begun = self._begun["content"][self._begun["name"] == digest]
        return np.concatenate([contents[first:end], begun])

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_OF_PART}"))

    def _note(self, key: str, units: Sequence[dict[str, bytes]]) -> None:
        """Put the hashes of files on disk, before the files."""
        pairs = [(_hash(os.fsencode(n)), _hash(data)) for unit in units for n, data in unit.items()]
        entries = _in_order(np.concatenate([self._begun, np.array(pairs, _ENTRY)]))
        if len(entries):
            write_atomically(self.folder / f"{key}{_OF_PART}", entries.tobytes())

    def close(self, keys: set[str], removed: Iterable[str] = ()) -> None:
        """Gather the hashes of the parts of a run that came to its end, ``keys``, in one file.

        Of files that they wrote only those hashes stay; of others, but the ``removed``, all.
        """
        shutil.rmtree(self.folder / STAGE, ignore_errors=True)
        parts, removed = self._parts(), list(removed)
        if not parts and not removed:
            return
        of_now = [_entries_of(path) for path in parts if path.stem in keys]
        of_before = [_entries_of(path) for path in parts if path.stem not in keys]
        now = np.concatenate([*of_now, np.empty(0, _ENTRY)])
        before = np.concatenate([_entries_of(self.folder / _OF_ALL), *of_before])
        gone = np.array([_hash(os.fsencode(name)) for name in removed], "<u8")
        replaced = np.concatenate([now["name"], gone])
        before = before[~np.isin(before["name"], replaced)]
        entries = _in_order(np.concatenate([before, now]))
        write_atomically(self.folder / _OF_ALL, entries.tobytes())
        for path in parts:
            path.unlink(missing_ok=True)
        self._known = None


class _Left:
    """The parts that runs which did not end have begun, by the files that they write."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self.numbers = {path.stem: number for number, path in enumerate(parts)}
        of_parts = [_entries_of(path)["name"] for path in parts]
        numbers = np.repeat(np.arange(len(parts)), [len(n) for n in of_parts])
        names = np.concatenate([*of_parts, np.empty(0, "<u8")])
        order = np.argsort(names)
        self.names, self.parts = names[order], numbers[order]

    def has_others(self, key: str, names: Sequence[np.uint64]) -> bool:
        """Whether any of the files is of another part than that of ``key``."""
        own = self.numbers.get(key)
        first = np.searchsorted(self.names, np.array(names, "<u8"), "left")
        end = np.searchsorted(self.names, np.array(names, "<u8"), "right")
        found = zip(first[first < end], end[first < end], strict=True)
        return any((self.parts[a:b] != own).any() for a, b in found)


#: A folder beside the hashes for files that are made before it is known whether they are written
STAGE = "stage"


def _hash(data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(data, digest_size=8).digest(), "little"))


def _in_order(entries: np.ndarray) -> np.ndarray:
    """Entries by the hashes of names, each once."""
    entries = entries[np.lexsort((entries["content"], entries["name"]))]
    return entries[np.append(True, entries[1:] != entries[:-1])[: len(entries)]]


def _entries_of(path: Path) -> np.ndarray:
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    return np.frombuffer(data[: len(data) // _ENTRY.itemsize * _ENTRY.itemsize], _ENTRY)


def _stamp(path: Path) -> Stamp | None:
    try:
        return Stamp.of(os.lstat(path))
    except OSError:
        return None
