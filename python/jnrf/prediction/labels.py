"""Labels of models that a format cannot hold: told before anything is written, not half-way."""

from __future__ import annotations

import re

from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.shown import shown

_WORD = re.compile(r"\S+")


def check_labels(schema: Schema, to: str, remedy: str = "give --to jsonl, which can") -> None:
    """Raise :class:`InputError` where the format ``to`` cannot hold a label of a model.

    Names in brat and in columns end at white space. ``remedy`` says what to do.
    """
    names = {"brat": [("entity type", t) for t in schema.entity_types]}
    names["columns"] = names["brat"]
    names["brat"] = [*names["brat"], *(("relation type", r) for r in schema.arguments)]
    for kind, name in names.get(to, ()):
        if not _WORD.fullmatch(name):
            raise InputError(
                f"{to} cannot hold the {kind} {shown(name)!r} of this model, for names there have "
                f"no white space; {remedy}"
            )
