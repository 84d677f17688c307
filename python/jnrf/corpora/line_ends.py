"""Where the lines of an annotation file end.

``\\n`` and ``\\r\\n`` always end a line. A bare ``\\r`` does so where the next annotation, another
line end or the end of the file follows it. Elsewhere it stands inside a line: brat keeps the
``\\r`` in the text of a mention over a line end ``\\r\\n`` of the note. In a file without any
``\\n`` lines end in ``\\r``, and there one is inside only where a mention's text is shorter than
its offsets say.
"""

from __future__ import annotations

import re

_ENDS = re.compile(r"\r?\n")
_BARE = re.compile(r"\r(?=[TREAMN#]\d+[\t ]|\*[\t ]|\r|\Z)")
_SPAN = re.compile(r"(\d{1,15}) +(\d{1,15})", re.ASCII)


def split_lines(content: str) -> list[str]:
    """The lines of an annotation file, without their ends; a bare ``\\r`` may stand in one."""
    if "\r" not in content:
        return content.split("\n")
    if "\n" not in content:
        return _joined(content.split("\r"))
    lines: list[str] = []
    for line in _ENDS.split(content):
        lines += _BARE.split(line) if "\r" in line else [line]
    return lines


def _joined(pieces: list[str]) -> list[str]:
    """Pieces between ``\\r``, those of one mention's text put together again."""
    lines: list[str] = []
    missing = 0  # characters of the last line's mention that are still to come
    for piece in pieces:
        if missing > 0 and piece and not _BARE.match(f"\r{piece}"):
            lines[-1] += f"\r{piece}"
            # brat reads \r\n as one space where its offsets count it as one character.
            missing -= len(piece) + (not piece.startswith(" "))
        else:
            lines.append(piece)
            missing = _missing(piece)
    return lines


def _missing(line: str) -> int:
    """How many characters the text of a T line has fewer than its offsets say."""
    fields = line.split("\t", 2)
    if not line.startswith("T") or len(fields) != 3:
        return 0
    spans = [(int(start), int(end)) for start, end in _SPAN.findall(fields[1])]
    return sum(end - start for start, end in spans) + len(spans) - 1 - len(fields[2])
