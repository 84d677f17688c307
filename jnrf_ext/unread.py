"""Fields of a JSON object that a reader does not know: named and counted, never passed over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

#: Names of fields as programs give them. Other keys may be words of a text.
_NAME = re.compile(r"[A-Za-z_][\w.:-]{0,39}", re.ASCII)
#: Names that are told of one object; a table with words for keys would have thousands.
_MOST_NAMES = 8
_TAG = re.compile(r"[BIESLUM][-_]\S+|O")
#: Fields in which tools that we know keep annotations
_USUAL = {
    *("annotations", "denotations", "entities", "ents", "events", "label", "labels", "mentions"),
    *("ner", "ner_tags", "passages", "relations", "result", "spans", "tags"),
}


def count_unread(names: Iterable[str], warnings: Counter[str], inside: str = "") -> None:
    """Count each of these names under a kind of its own; ``inside`` names what the fields are of.

    Names that are none a program would give, and those past the eighth, share a kind.
    """
    for number, name in enumerate(names):
        told = name if number < _MOST_NAMES and _NAME.fullmatch(name) else "of other names"
        warnings[f"field not read: {f'{inside}.' if inside else ''}{told}"] += 1


def told_names(names: Iterable[str]) -> str:
    """Names of fields for a message, the first few of them."""
    names = list(names)
    told = [name if _NAME.fullmatch(name) else "one of another name" for name in names]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(dict.fromkeys(told[:_MOST_NAMES])) + more if told else "none"


def hold_annotations(fields: Mapping[str, object]) -> list[str]:
    """The names of those fields that look as if they held annotations.

    A list with lists, objects or BIO tags in it, and any list or object (not an empty one) whose
    name is that of annotations in a tool that we know.
    """
    return [name for name, value in fields.items() if _holds_annotations(name, value)]


def _holds_annotations(name: str, value: object) -> bool:
    if not isinstance(value, list | dict) or not value:
        return False
    if name in _USUAL:
        return True
    if isinstance(value, dict):
        return False
    tags = [isinstance(item, str) and bool(_TAG.fullmatch(item)) for item in value]
    if all(tags):
        return any(item != "O" for item in value)
    return any(isinstance(item, list | dict) for item in value)
