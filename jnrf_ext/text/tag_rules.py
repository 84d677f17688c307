"""Which tags may follow each other, in the schemes that spell mentions token by token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE

#: Scheme -> the parts a mention is spelled with, which of them begin it, and which end it.
SCHEMES = {"BIO": ("BI", "B", "BI"), "IOBES": ("BIES", "BS", "ES")}


def allowed_tags(labels: Sequence[str], scheme: str = "BIO") -> tuple[Tensor, Tensor, Tensor]:
    """The transitions, first tags and last tags that a scheme allows, for `ops.crf_decode`.

    ``labels`` are C tag names: ``O``, or a part, a hyphen and a type (``B-Drug``). In BIO a mention
    is a B- and any number of I- of its type; in IOBES it is an S- alone, or B-, any number of I-,
    and E-.

    Returns:
        bool ``[C, C]`` (from the row's tag to the column's), ``[C]`` and ``[C]``.

    Raises:
        InputError: a scheme or a tag that is none of these.
    """
    if scheme not in SCHEMES:
        raise InputError(f"tagging scheme {scheme!r} is none of {', '.join(SCHEMES)}")
    parts, beginnings, endings = SCHEMES[scheme]
    split = []
    for label in labels:
        part, _, kind = label.partition("-")
        if label != OUTSIDE and (len(part) != 1 or part not in parts or not kind):
            names = ", ".join(f"{p}-" for p in parts)
            raise InputError(f"tag {label!r} is neither {OUTSIDE!r} nor {names} of a type")
        split.append(("", "") if label == OUTSIDE else (part, kind))

    def opens(part: str) -> bool:
        return not part or part in beginnings

    def closes(part: str) -> bool:
        return not part or part in endings

    # A mention goes on with a part that cannot begin one; until it may end, it must go on.
    transitions = [
        [
            closes(before) if opens(after) else of == kind and _continues(before)
            for after, kind in split
        ]
        for before, of in split
    ]
    first, last = [opens(part) for part, _ in split], [closes(part) for part, _ in split]
    rules = [torch.tensor(rule, dtype=torch.bool) for rule in (transitions, first, last)]
    return rules[0], rules[1], rules[2]


def _continues(part: str) -> bool:
    """Whether a mention may go on after a part of it."""
    return part in ("B", "I")
