"""The files of a folder and of those below it."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jnrf.prediction.notes import Fault
from jnrf.prediction.receipts import ERRORS, KEPT

#: Endings that are counted each by itself; a folder may have files of any number
_MOST_ENDINGS = 1000
#: What a folder holds beside notes as a matter of course: their annotations, and our lists
_NOT_TOLD = (".ann", ".a1", ".a2", ERRORS, KEPT)


def walk(
    root: Path,
    endings: str | tuple[str, ...],
    leave_out: Path | None = None,
    passed_over: Counter[str] | None = None,
    once: bool = False,
) -> Iterator[Path | Fault]:
    """The files of a folder and those below whose names end so, in the order of their names.

    Capitals do not matter in an ending. Hidden files and folders are passed over, links to folders
    are not followed (they may lead back). A folder that cannot be read is a fault in its place, and
    so is what is no file though it is named like one; other files are counted in ``passed_over``,
    by the endings of their names. ``once``: of names that differ in the ending's capitals alone,
    all but one are faults, the one in small letters being preferred.
    """
    endings = (endings,) if isinstance(endings, str) else endings
    try:
        with os.scandir(root) as entries:
            found = sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except OSError as error:
        yield Fault(str(root), f"cannot be read: {error.strerror}")
        return
    small = {e.name.removesuffix(endings[0]) for e in found if e.name.endswith(endings[0])}
    capital: set[str] = set()
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            below = Path(entry.path)
            if leave_out is None or not _same(below, leave_out):
                yield from walk(below, endings, leave_out, passed_over, once)
        elif not ends(entry.name, endings):
            if passed_over is not None and entry.name not in _NOT_TOLD:
                _count(passed_over, entry.name)
        elif once and not entry.name.endswith(endings[0]):
            stem = entry.name[: -len(endings[0])]
            if stem in small or stem in capital:
                reason = f"another file has the name {stem}{endings[0]}, in other capitals"
                yield Fault(entry.path, f"{reason}; rename one of them")
                continue
            capital.add(stem)
            yield Path(entry.path)
        else:
            yield Path(entry.path)


def ends(name: str, endings: tuple[str, ...]) -> bool:
    """Whether a name ends so, in small letters or capitals, and is more than that."""
    small = name.lower()
    return small.endswith(endings) and small not in endings


def _count(passed_over: Counter[str], name: str) -> None:
    ending = Path(name).suffix.lower()
    if ending in _NOT_TOLD:
        return
    if ending not in passed_over and len(passed_over) >= _MOST_ENDINGS:
        ending = "other endings"
    passed_over[ending or "no ending"] += 1


def why_no_file(path: Path) -> str | None:
    """What a path leads to where that is no file which can be read more than once, or None.

    A pipe that nobody writes to would keep whoever opens it waiting for ever.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None  # to be told by whoever reads it
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
    kind = next((name for fits, name in kinds if fits(mode)), "device")
    return f"is a {kind}, not a file; write what it gives into a file"


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
