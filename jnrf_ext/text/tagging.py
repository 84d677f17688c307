"""Mentions to BIO tags of wordpieces and back, over the C++ routines of ``csrc/text``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from jnrf_ext import _text
from jnrf_ext.documents.document import Mention
from jnrf_ext.documents.found import Spans
from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE
from jnrf_ext.text.tokenizer import Encoded

if TYPE_CHECKING:
    from jnrf_ext.packing.outline import Outline

OVERLAPS = ("longest", "last")
#: Kinds, first rows and last rows (exclusive) of mentions, as the C++ routines give them.
_Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def align(starts, ends, fragment_starts, fragment_ends) -> tuple[np.ndarray, np.ndarray]:
    """Which wordpieces each span of characters touches.

    ``starts``, ``ends`` int32 [n] are the wordpieces' characters, non-decreasing;
    ``fragment_starts``, ``fragment_ends`` int64 [M] the spans'. Returns ``first``,
    ``last_exclusive``, int64 [M], both -1 for a span that touches no wordpiece.
    Raises :class:`InputError` for lengths that differ and for offsets that decrease.
    """
    return _text.align(starts, ends, fragment_starts, fragment_ends)


def encode_tags(
    length: int,
    first,
    last,
    types: Sequence[str],
    labels: Sequence[str],
    overlap: str = "longest",
) -> tuple[np.ndarray, np.ndarray]:
    """The BIO tags of mentions that cover wordpieces [first, last).

    ``length`` is the number of wordpieces n, ``first`` and ``last`` are int64 [M], ``types`` the M
    mentions' types, ``labels`` the tag names. Where mentions overlap, "longest" keeps the longest
    whole (then the earliest, then the one listed first), and "last" lets the one listed last
    overwrite what it covers, as the reference implementation does.
    Returns tags int64 [n] and kept bool [M]: whether all wordpieces of a mention carry its tags.
    Mentions with ``first`` < 0 are not kept. Raises :class:`InputError` for an unknown type,
    and for mentions outside the document.
    """
    if overlap not in OVERLAPS:
        raise InputError(f"overlap {overlap!r} is none of {', '.join(OVERLAPS)}")
    table = _label_table(tuple(labels))
    try:
        begin = np.array([table.begin[t] for t in types], np.int64)
        inside = np.array([table.inside[t] for t in types], np.int64)
    except KeyError as error:
        raise InputError(f"entity type {error} has no B- and I- tag in the schema") from error
    return _text.encode_bio(length, first, last, begin, inside, table.outside, overlap == "longest")


def decode_tags(tags, labels: Sequence[str], scores=None) -> list[tuple]:
    """The mentions that BIO tags spell: (type, first, last_exclusive), in order.

    ``tags`` int64 [n] are indices into ``labels``. An I- that does not continue a mention of its
    type starts one. With ``scores`` float [n] (how sure the model is of each wordpiece's tag)
    each tuple has the mean score of its wordpieces as a fourth part.
    """
    table = _label_table(tuple(labels))
    return _as_tuples(table, _text.decode_bio(tags, table.parts, table.types), scores, len(tags))


def decode_words(tags, word_starts, labels: Sequence[str], scores=None) -> list[tuple]:
    """The reference implementation's reading of tags, in the form of :func:`decode_tags`.

    Units are whitespace words (``word_starts`` bool [n] marks their first wordpieces). The tag of
    a word is the tag of its first wordpiece; a B- word is a mention, I- and O words are dropped.
    """
    table = _label_table(tuple(labels))
    found = _text.decode_words(tags, word_starts, table.parts, table.types)
    return _as_tuples(table, found, scores, len(tags))


def best_mentions(
    text: str, encoded: Encoded | Outline, log_probs, labels: Sequence[str]
) -> list[tuple]:
    """The mentions of the most probable tags in which no word is cut and BIO holds.

    ``log_probs`` float32 [n, L] are the log-probabilities of ``labels`` at each wordpiece. A word
    (:mod:`jnrf_ext.text.words`) has no punctuation in it; its wordpieces get one tag together.
    Returns (type, first, last_exclusive, score) in order; the score is the mean probability over
    the mention's wordpieces of being tagged with its type.
    """
    return list(best_spans(text, encoded, log_probs, labels))


def best_spans(text: str, encoded: Encoded | Outline, log_probs, labels: Sequence[str]) -> Spans:
    """:func:`best_mentions` as columns."""
    table = _label_table(tuple(labels))
    log_probs = np.ascontiguousarray(log_probs, np.float32)
    starts = _text.unit_starts(text, encoded.starts, encoded.ends)
    found = _text.best_mentions(log_probs, starts, table.parts, table.types)
    return _with_scores(table, found, log_probs)


def scored_spans(tags, log_probs, labels: Sequence[str]) -> Spans:
    """:func:`decode_tags` with the scores of :func:`best_mentions`, as columns.

    ``tags`` int64 [n] are indices into ``labels``, ``log_probs`` float [n, L] their
    log-probabilities.
    """
    table = _label_table(tuple(labels))
    found = _text.decode_bio(tags, table.parts, table.types)
    return _with_scores(table, found, np.asarray(log_probs, np.float32))


def without_blanks(text: str, rows: Encoded | Outline, spans: Spans) -> Spans:
    """Spans without the rows of white space at their ends; those of nothing else are left out.

    Some tokenizers have wordpieces of white space, or of no character, which may be tagged as any
    other.
    """
    blank = _text.blank(text, rows.starts, rows.ends)
    if not blank.any():
        return spans
    shown = np.append(np.flatnonzero(~blank), len(blank))
    first = shown[np.searchsorted(shown, spans.first)]
    last = np.append(-1, shown)[np.searchsorted(shown, spans.last)] + 1
    kept = first < last
    scores = None if spans.scores is None else spans.scores[kept]
    return Spans(spans.names, spans.kinds[kept], first[kept], last[kept], scores)


def _with_scores(table: _LabelTable, found: _Found, log_probs: np.ndarray) -> Spans:
    """Mentions with the mean probability over their rows of being tagged with their type."""
    scores = _text.mention_scores(np.exp(log_probs), table.parts, table.types, *found)
    return Spans(table.names, *found, scores)


def to_mentions(
    text: str, encoded: Encoded | Outline, spans: Sequence[tuple] | Spans
) -> list[Mention]:
    """Mentions T1, T2, ... of the text, from what :func:`decode_tags` returned, or its columns."""
    columns = spans if isinstance(spans, Spans) else Spans.of_tuples(spans)
    return columns.mentions(text, encoded.starts, encoded.ends)


class _LabelTable:
    """Tag names, taken apart once."""

    def __init__(self, labels: tuple[str, ...]):
        if OUTSIDE not in labels:
            raise InputError(f"the tags have no {OUTSIDE!r}: {', '.join(labels[:5])} ...")
        self.outside = labels.index(OUTSIDE)
        self.begin: dict[str, int] = {}
        self.inside: dict[str, int] = {}
        names: dict[str, int] = {}
        self.parts = np.zeros(len(labels), np.uint8)
        self.types = np.full(len(labels), -1, np.int32)
        for i, label in enumerate(labels):
            if label == OUTSIDE:
                continue
            part, _, kind = label.partition("-")
            if part not in ("B", "I") or not kind:
                raise InputError(f"tag {label!r} is neither 'O' nor a B- or I- of a type")
            (self.begin if part == "B" else self.inside)[kind] = i
            self.parts[i] = 1 if part == "B" else 2
            self.types[i] = names.setdefault(kind, len(names))
        self.names = list(names)


_label_table = lru_cache(maxsize=64)(_LabelTable)


def _as_tuples(table: _LabelTable, found: _Found, scores, length: int) -> list[tuple]:
    _, first, last = found
    if scores is not None:
        scores = np.asarray(scores, np.float64)
        if scores.shape != (length,):
            raise InputError(f"scores has shape {list(scores.shape)}, tags has {length} wordpieces")
        totals = np.concatenate([[0.0], np.cumsum(scores)])
        scores = (totals[last] - totals[first]) / (last - first)
    return list(Spans(table.names, *found, scores))
