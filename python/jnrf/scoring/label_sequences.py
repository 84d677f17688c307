"""Documents as BIO labels of their words, which the label-level report compares.

Tokens are words of the text, whatever a model's wordpieces are, so that every system is scored on
the same ones. A token that a mention touches is the mention's; a discontinuous mention takes its
hull, and of mentions that overlap the longest stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from jnrf.scoring.items import paired
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE
from jnrf_ext.text.tagging import align, encode_tags
from jnrf_ext.text.words import word_spans


def _between_spaces(text: str) -> tuple[np.ndarray, np.ndarray]:
    spans = [match.span() for match in _SOLID.finditer(text)]
    starts, ends = np.array(spans, np.int32).reshape(-1, 2).T
    return np.ascontiguousarray(starts), np.ascontiguousarray(ends)


_SOLID = re.compile(r"\S+")
#: Tokens are the words that models work on; or what stands between white space, which for token
#: JSON and columns are the tokens of the file.
TOKENS = {"words": word_spans, "whitespace": _between_spaces}


def label_sequences(documents: Sequence[Document], tokens: str = "words") -> list[list[str]]:
    """The BIO labels of each document's tokens, in order; ``tokens`` is a key of ``TOKENS``.

    Raises :class:`InputError` for another choice of tokens.
    """
    names = _names(documents)
    return [_labels(document, *_bounds(document.text, tokens), names) for document in documents]


def paired_label_sequences(
    gold: Sequence[Document], predicted: Sequence[Document], tokens: str = "words"
) -> tuple[list[list[str]], list[list[str]]]:
    """The labels of gold documents, and those that their predictions by id give the same tokens.

    A document without a prediction has "O" everywhere. Raises :class:`InputError` for a prediction
    without gold or on another text.
    """
    pairs = paired(gold, predicted)
    names = _names(chain.from_iterable(pairs))
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    for ours, theirs in pairs:
        if theirs.mentions and theirs.text != ours.text:
            raise InputError(
                f"document {ours.id}: gold and prediction have different texts; predict on the "
                f"gold's text"
            )
        bounds = _bounds(ours.text, tokens)
        for side, document in zip(sides, (ours, theirs), strict=True):
            side.append(_labels(document, *bounds, names))
    return sides


def _names(documents: Iterable[Document]) -> tuple[str, ...]:
    types = {mention.type for document in documents for mention in document.mentions}
    return (OUTSIDE, *(f"{part}-{type}" for type in sorted(types) for part in "BI"))


def _bounds(text: str, tokens: str) -> tuple[np.ndarray, np.ndarray]:
    """The characters of each token, int32 [n] each."""
    if tokens not in TOKENS:
        raise InputError(f"tokens is {tokens!r}; choose one of {', '.join(TOKENS)}")
    return TOKENS[tokens](text)


def _labels(
    document: Document, starts: np.ndarray, ends: np.ndarray, names: tuple[str, ...]
) -> list[str]:
    mentions = document.mentions
    if not mentions:
        return [OUTSIDE] * len(starts)
    hulls = np.array([(m.start, m.end) for m in mentions], np.int64)
    first, last = align(starts, ends, hulls[:, 0], hulls[:, 1])
    tags, _ = encode_tags(len(starts), first, last, [m.type for m in mentions], names)
    return [names[tag] for tag in tags.tolist()]
