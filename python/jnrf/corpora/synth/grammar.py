"""Text with alternatives: ``(a|b)`` is either, at any depth; brackets without ``|`` are text."""

from __future__ import annotations

import re
from functools import cache
from random import Random

_INNERMOST = re.compile(r"\(([^()]*\|[^()]*)\)")


@cache
def entries(text: str) -> tuple[str, ...]:
    """The parts between the ``|`` that stand outside all brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return (*parts, text[start:])


def expand(text: str, rng: Random) -> str:
    """Take one of each group of alternatives, innermost first."""
    while match := _INNERMOST.search(text):
        chosen = rng.choice(match[1].split("|"))
        text = text[: match.start()] + chosen + text[match.end() :]
    return text


def pick(text: str, rng: Random) -> str:
    """One entry of a ``|`` list, expanded."""
    return expand(rng.choice(entries(text)), rng)
