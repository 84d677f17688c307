"""Tags of tokens: which strings are tags, and the mentions that a sequence of them spells."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: (first token, one past the last, entity type)
Range = tuple[int, int, str]

#: First letters of tags: as in BIO; and of other schemes, by what they mean in IOBES
PARTS = {**dict(zip("BIES", "BIES", strict=True)), "M": "I", "L": "E", "U": "S"}
_TAG = re.compile(rf"O|[{''.join(PARTS)}]-\S.*")


def is_tag(word: str) -> bool:
    """Whether a string is O, or a letter of a scheme, a hyphen and a type."""
    return _TAG.fullmatch(word) is not None


def ranges_of(tags: Iterable[str]) -> list[Range]:
    """The mentions that tags spell: (first, one past the last, type).

    BIO, IOBES, BILOU and BMES are understood, as they are or mixed. An inner or last tag that
    continues no mention of its type starts one, as in IOB1.
    """
    ranges: list[Range] = []
    start, type = 0, ""  # of the mention that is open, if any
    position = -1
    for position, tag in enumerate(tags):
        if tag == "O":
            if type:
                ranges.append((start, position, type))
                type = ""
            continue
        part, name = PARTS[tag[0]], tag[2:]
        if type and (part in "BS" or name != type):
            ranges.append((start, position, type))
            type = ""
        if not type:
            start, type = position, name
        if part in "ES":
            ranges.append((start, position + 1, type))
            type = ""
    if type:
        ranges.append((start, position + 1, type))
    return ranges
