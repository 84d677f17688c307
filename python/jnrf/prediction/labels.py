"""Labels of models that a format cannot hold: told before anything is written, not half-way."""

from __future__ import annotations

from jnrf_ext.documents.brat_names import BratNames, is_word
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.shown import shown


def check_labels(schema: Schema, to: str) -> None:
    """Raise :class:`InputError` where the format ``to`` cannot hold the labels of a model.

    Names in brat and in columns end at white space. For brat it becomes ``_``, unless two names
    become one by it.
    """
    if to == "brat":
        types = (("entity type", name) for name in schema.entity_types)
        try:
            BratNames((*types, *(("relation type", name) for name in schema.arguments)))
        except InputError as error:
            raise InputError(f"{error}, or give --to jsonl, which has both") from None
    if to == "columns":
        for name in schema.entity_types:
            if not is_word(name):
                raise InputError(
                    f"columns cannot hold the entity type {shown(name)!r} of this model, for names "
                    "there have no white space; give --to jsonl, which can"
                )
