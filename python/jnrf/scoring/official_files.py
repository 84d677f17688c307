"""Reading .ann files exactly as the n2c2 2018 track 2 script does.

The rules, which the official scores depend on:

- A line is a mention or a relation when it starts, white space aside, with ``T`` or ``R``; other
  lines, and a first line behind a byte order mark, do not exist. Texts are never looked at.
- A T line with other than three tab-separated fields (an empty mention text makes it two) is
  complained about, and the line before it is read once more in its place.
- Of two or three fragments the hull is kept. With more, or none, the line is complained about, and
  type and offsets of the line before stand in for its own.
- The last of several lines with one id counts, in the place of the first.

Where the script ends in a traceback we raise :class:`InputError` with file and line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from jnrf.corpora.texts import check_is_file
from jnrf.scoring.columns import Annotations
from jnrf_ext.errors import InputError
from jnrf_ext.shown import named

#: Offsets beyond this are no offsets; the limit keeps the arithmetic of matching exact.
_OFFSET_LIMIT = 1 << 31


def _to_stderr(message: str) -> None:
    print(message, file=sys.stderr)


def read_annotations(path: Path, complain: Callable[[str], None] = _to_stderr) -> Annotations:
    """The mentions and relations of one .ann file, in the script's order.

    ``complain`` gets a line, with file and number, about each mention that the script cannot read;
    the script itself prints the mention's line, which may be a note's text.
    Raises :class:`InputError` for what makes the script crash: a broken number, a relation line of
    another shape, an argument that is no mention of the file, a first mention without offsets.
    """
    try:
        check_is_file(path)
        with path.open(encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the path and its rights") from None
    spans = _read_spans(path, lines, complain)
    rows = {identifier: row for row, identifier in enumerate(spans)}
    links: dict[str, tuple[str, str, int, int]] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("R"):
            identifier, type, head, tail = _read_link(f"{path}:{number}", line, rows)
            links[identifier] = (identifier.strip(), type, head, tail)
    return Annotations(path.stem, *_transpose(spans), *_transpose(links))


def _read_spans(
    path: Path, lines: list[str], complain: Callable[[str], None]
) -> dict[str, tuple[str, str, int, int]]:
    """(id, type, start, end) by the id as it stands in the file, white space included."""
    spans: dict[str, tuple[str, str, int, int]] = {}
    fields: list[str] | None = None
    place: tuple[str, int, int] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.startswith("T"):
            continue
        where = f"{path}:{number}"
        parts = line.split("\t")
        if len(parts) == 3:
            fields = parts
        else:
            complain(
                f"{where}: a mention of {len(parts)} tab-separated fields, not 3; the line before "
                f"is read once more in its place, as the official script does"
            )
        if fields is None:
            raise InputError(
                f"{where}: a mention needs an id, type with offsets, and text, tabs between, and "
                f"no line before it can stand in, as the official script has it; mend the line"
            )
        identifier, middle, _ = fields
        words = middle.split(" ")
        if len(words) in (3, 4, 5):
            place = (words[0].strip(), _offset(where, words[1]), _offset(where, words[-1]))
        else:
            complain(
                f"{where}: a mention of {_fragments(words)}, not 1 to 3; type and offsets of the "
                f"line before stand in for its own, as the official script has it"
            )
        if place is None:
            raise InputError(
                f"{where}: a mention needs a type and one to three fragments, and no line before "
                f"it can stand in, as the official script has it; mend the line"
            )
        spans[identifier] = (identifier.strip(), *place)
    return spans


def _read_link(where: str, line: str, rows: dict[str, int]) -> tuple[str, str, int, int]:
    """Id, type, and the rows of head and tail."""
    parts = line.split("\t")
    words = parts[-1].split(" ")
    roles = [word.split(":") for word in words[1:]]
    if len(parts) != 2 or len(words) != 3 or min(map(len, roles)) < 2:
        raise InputError(
            f"{where}: a relation needs an id, a tab, and 'Type Arg1:T1 Arg2:T2'; the official "
            f"script stops here: mend the line"
        )
    for role in roles:
        if role[1] not in rows:
            raise InputError(
                f"{where}: {named(role[1])} is no mention of this file; the official script stops "
                f"here: add the T line, or use --mode corrected, which follows events"
            )
    return parts[0], words[0].strip(), rows[roles[0][1]], rows[roles[1][1]]


def _fragments(words: list[str]) -> str:
    """How many fragments the words of a T line's middle field are."""
    return "no fragments" if len(words) < 3 else f"{len(words) - 2:,} fragments"


def _transpose(items: dict[str, tuple[str, str, int, int]]) -> list[list]:
    return [list(column) for column in zip(*items.values(), strict=True)] or [[], [], [], []]


def _offset(where: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = _OFFSET_LIMIT
    if abs(value) >= _OFFSET_LIMIT:
        raise InputError(
            f"{where}: an offset is no whole number below 2^31; the official script stops here: "
            f"mend the line"
        ) from None
    return value
