"""What an error message may say of the contents of a file.

Notes are private, and messages end up in logs: a message has ids, types, field names, places and
lengths, never a note's text. Names are cut and made printable, for a file may hold anything.
"""

from __future__ import annotations

_MOST = 60


def shown(name: object) -> str:
    """A name (an id, a type, a field) for a message: on one line, short, without control codes."""
    text = str(name)
    cut = text[:_MOST]
    if not cut.isprintable():
        cut = ascii(cut)[1:-1][:_MOST]
    return cut if len(text) <= _MOST else cut + "…"


def reason_of(error: BaseException) -> str:
    """What another library's error says, on one line and short."""
    said = " ".join(f"{error}".split()) or type(error).__name__
    return said[:200] if said.isprintable() else ascii(said)[1:-1][:200]


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
