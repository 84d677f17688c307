"""The text of a mention: the one at its offsets, and the one that a file claims for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from jnrf_ext.errors import InputError

Fragments = Sequence[tuple[int, int]]

#: Units that offsets may count: code points; those of JavaScript and Java; those of Go and C
UNITS = ("characters", "utf-16", "utf-8")
#: Under this kind readers count a mention whose claimed text is not the one at its offsets.
DISAGREES = "mention text disagrees with the text (offsets are kept)"

#: A standoff line is one line: a line break inside a mention or a note becomes a space.
_LINE_BREAKS = str.maketrans("\r\n", "  ")


def one_line(text: str) -> str:
    """``text`` with every line break as a space."""
    # translate() goes through a table for each character, and few texts need it.
    return text.translate(_LINE_BREAKS) if "\n" in text or "\r" in text else text


def fragments_text(text: str, fragments: Fragments) -> str:
    """What a mention of these fragments says: joined by spaces, line breaks as spaces.

    Offsets are code points of ``text``, half open. The result has the length brat expects:
    that of the fragments, and one for each join.
    """
    return one_line(" ".join(text[start:end] for start, end in fragments))


def agrees(said: str, text: str, fragments: Fragments) -> bool:
    """Whether a mention of these fragments says what ``text`` has there, white space aside."""
    has = fragments_text(text, fragments)
    return has == said or has.split() == said.split()


class Offsets:
    """Offsets into a text that count other units than code points; see ``UNITS``."""

    def __init__(self, text: str, units: str) -> None:
        if units not in UNITS:
            raise InputError(f"offsets are {units!r}; choose one of {', '.join(UNITS)}")
        self._place_of: dict[int, int] | None = None
        if units != "characters" and not text.isascii():
            widths = (_width(character, units) for character in text)
            self._place_of = {at: i for i, at in enumerate(accumulate(widths, initial=0))}

    def characters(self, fragments: Fragments) -> tuple[tuple[int, int], ...] | None:
        """The fragments in code points; None for an offset inside a character or the text's end."""
        if self._place_of is None:
            return tuple((start, end) for start, end in fragments)
        place_of = self._place_of
        places = [(place_of.get(start, -1), place_of.get(end, -1)) for start, end in fragments]
        return None if any(-1 in pair for pair in places) else tuple(places)


def _width(character: str, units: str) -> int:
    point = ord(character)
    if units == "utf-16":
        return 1 + (point > 0xFFFF)
    return 1 + (point > 0x7F) + (point > 0x7FF) + (point > 0xFFFF)


def fitting_units(text: str, claims: Sequence[tuple[Fragments, str]]) -> str | None:
    """The units, other than code points, in which every mention says what the text has.

    ``claims`` are fragments and claimed texts. None where there is no such unit, or no claim.
    """
    if not claims or text.isascii():
        return None
    for units in UNITS[1:]:
        offsets = Offsets(text, units)
        moved = [(offsets.characters(fragments), said) for fragments, said in claims]
        if all(places and agrees(said, text, places) for places, said in moved):
            return units
    return None


def disagreement(text: str, claims: Sequence[tuple[Fragments, str]]) -> str:
    """The kind to count mentions under that disagree; says so where other units would fit.

    ``claims`` are those of all mentions of the document that claim a text.
    """
    units = fitting_units(text, claims)
    if units is None:
        return DISAGREES
    return f"{DISAGREES[:-1]}; all agree if offsets count {units.upper()} units: {remedy(units)})"


def remedy(units: str) -> str:
    """The command that reads a JSON file with such offsets."""
    return f"jnrf convert --offsets {units}"
