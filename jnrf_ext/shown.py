"""What an error message may say of the contents of a file.

Notes are private, and messages end up in logs: a message has ids, types, field names, places and
lengths, never a note's text. Names are cut and made printable, for a file may hold anything.
"""

from __future__ import annotations

import re

_MOST = 60
_QUOTED = re.compile(r"""(?<!\w)(["'`])((?:(?!\1).)*)(\1|$)""", re.DOTALL)
_PUNCTUATION = re.compile(r"\W*|<[a-z ]+>")
_USUAL_ID = re.compile(r"\*|[A-Za-z#][-_:]?\d{1,15}|\d{1,4}", re.ASCII)


def shown(name: object) -> str:
    """A name (an id, a type, a field) for a message: on one line, short, without control codes."""
    text = str(name)
    cut = text[:_MOST]
    if not cut.isprintable():
        cut = ascii(cut)[1:-1][:_MOST]
    return cut if len(text) <= _MOST else cut + "…"


def named(id: object) -> str:
    """An annotation's id for a message; where it is no usual one it may be a word of a note."""
    text = str(id)
    return text if _USUAL_ID.fullmatch(text) else f"an id of {len(text):,} characters"


def the_id(id: object) -> str:
    """The same in quotes: "the id 'T1'", or "an id of 9 characters"."""
    return named(id) if named(id) != str(id) else f"the id '{id}'"


def reason_of(error: BaseException) -> str:
    """What another library's error says, on one line and short."""
    return _on_one_line(f"{error}") or type(error).__name__


def reason_without_quotes(error: BaseException) -> str:
    """:func:`reason_of` an error of a library that may quote what it could not read."""
    return _on_one_line(without_quotes(f"{error}")) or type(error).__name__


def without_quotes(said: str) -> str:
    """A library's message with "…" for what it quotes, which may be words of a note.

    From the first quoted word to the last quotation mark of its kind, for a text has such marks
    too; a quoted comma or bracket, and a parser's own '<end>', stay.
    """
    for quoted in _QUOTED.finditer(said):
        if not _PUNCTUATION.fullmatch(quoted[2]):
            start, last = quoted.start(), said.rfind(quoted[1])
            return said[:start] + "…" + (said[last + 1 :] if last > start else "")
    return said


def _on_one_line(said: str) -> str:
    words = " ".join(said.split())
    return words[:200] if words.isprintable() else ascii(words)[1:-1][:200]


def kind_of(value: object) -> str:
    """What a JSON value is, in place of the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"a string of {len(value):,} characters" if value else "an empty string"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return f"an object of {len(value):,} fields"
    return f"of type {type(value).__name__}"
