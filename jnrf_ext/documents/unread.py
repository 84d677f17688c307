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

#: Fields of objects by which spans start
_STARTS = {"start", "start_offset", "startOffset", "begin", "beginOffset", "offset", "span"}


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

    A list with spans (rows with two whole numbers and a name, or objects that start somewhere) or
    BIO tags in it; and a list of lists or objects, or an object, whose name is that of annotations
    in a tool that we know.
    """
    return [name for name, value in fields.items() if _holds_annotations(name, value)]


def _holds_annotations(name: str, value: object) -> bool:
    if isinstance(value, dict):
        return bool(value) and name in _USUAL
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(item, str) and _TAG.fullmatch(item) for item in value):
        return any(item != "O" for item in value)
    usual = name in _USUAL
    return any(isinstance(item, list | dict) and (usual or _is_span(item)) for item in value)


def _is_span(item: list | dict) -> bool:
    if isinstance(item, dict):
        return not _STARTS.isdisjoint(item)
    kinds = [type(part) for part in item]
    return kinds.count(int) >= 2 and str in kinds
