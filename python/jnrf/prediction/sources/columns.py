"""Which columns of a table hold ids and texts, and what may stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jnrf.prediction.notes import Fault, Note, is_text
from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns of a table that are read; others are passed over."""

    text: str = "text"
    id: str = "id"

    def check(self, names: Sequence[str], place: str, sure: bool = True) -> None:
        """Raise :class:`InputError` unless a table has both columns, each once.

        ``sure``: whether ``names`` are names. A table without a header begins with a note, so other
        names are told only where one of the two columns is among them.
        """
        sure = sure or not {self.text, self.id}.isdisjoint(names)
        for option, name in (("text", self.text), ("id", self.id)):
            if (count := names.count(name)) > 1:
                raise InputError(
                    f"{place} has {count} columns {shown(name)!r}; rename or drop all but one, or "
                    f"give another --{option}-column NAME"
                )
            if name not in names:
                there = ", ".join(map(shown, names[:12])) + (", ..." if len(names) > 12 else "")
                if names and not sure:
                    raise InputError(
                        f"{place} has no column {shown(name)!r} among its {len(names):,}; give "
                        f"--{option}-column NAME, or put a row of names before the notes"
                    )
                raise InputError(
                    f"{place} has no column {shown(name)!r} (it has {there or 'none'}); give "
                    f"--{option}-column NAME"
                )

    def note(self, row: object, place: str, file: str) -> Note | Fault:
        """The note of a row, a dict of columns; ids may be integers too."""
        if not isinstance(row, dict):
            return Fault(place, f"is a JSON {_kind(row)}, not an object")
        missing = [name for name in (self.id, self.text) if row.get(name) is None]
        id = row.get(self.id)
        if isinstance(id, int) and not isinstance(id, bool):
            id = str(id)
        known = id if isinstance(id, str) and is_text(id) else None
        if missing:
            return Fault(place, f"has no {' and no '.join(map(repr, missing))}", known)
        if known is None:
            return Fault(place, f"{self.id!r} must be a string or an integer")
        text = row[self.text]
        if isinstance(text, bytes):
            return Fault(place, f"{self.text!r} is not UTF-8", known)
        if not isinstance(text, str):
            return Fault(place, f"{self.text!r} must be a string, not a {_kind(text)}", known)
        if not is_text(text):
            return Fault(place, f"{self.text!r} holds half a surrogate pair", known)
        return Note(known, text, place, file)


def _kind(value: object) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
