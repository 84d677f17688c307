"""Training examples cut into parts: the sentences of a document, or runs of sentences."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np

from jnrf.data.examples import Example
from jnrf_ext.packing.outline import Outline
from jnrf_ext.text.sentences import sentence_starts
from jnrf_ext.text.tokenizer import Encoded


def split_at_segments(example: Example) -> list[Example]:
    """An example for each segment of one without relations."""
    return _split(replace(example, pairs=example.pairs[:0]), example.outline.bounds[:-1])


def split_into_parts(example: Example, tokens: int, mentions: int = 0) -> list[Example]:
    """Cut an example between sentences into parts of at least ``tokens`` wordpieces, if it can be.

    A part also has at least ``mentions`` mentions: training sees no pair of mentions from two
    parts, so that parts with few of them would not teach which mentions are unrelated. No cut is
    within a mention or between related ones, so that no label is lost; the last part may have less
    of both.
    """
    outline, encoded = example.outline, example.encoded
    pieces = np.arange(len(encoded)) if outline.pieces is None else outline.pieces
    if outline.segments is not None:
        starts = outline.segments
    else:
        starts = np.flatnonzero(sentence_starts(example.document.text, encoded)[pieces])
    # Count, at the start of each row, the mentions and relations that reach over it.
    reach = np.zeros(len(outline) + 1, np.int64)
    spans = np.array([span[1:3] for span in example.spans], np.int64).reshape(-1, 2)
    first = np.concatenate([spans[:, 0], example.pairs[:, :2].min(axis=1)])
    last = np.concatenate([spans[:, 1] - 1, example.pairs[:, :2].max(axis=1)])
    np.add.at(reach, first + 1, 1)
    np.add.at(reach, last + 1, -1)
    allowed = starts[np.cumsum(reach)[starts] == 0]
    mentions_before = np.searchsorted(spans[:, 0], allowed)
    chosen, at, seen = [0], 0, 0
    for start, before in zip(allowed.tolist(), mentions_before.tolist(), strict=True):
        if pieces[start] - at >= tokens and before - seen >= mentions:
            chosen.append(start)
            at, seen = pieces[start], before
    return _split(example, np.array(chosen, np.int64))


def _split(example: Example, starts: np.ndarray) -> list[Example]:
    """Cut an example at the rows given, 0 first, which no mention and no relation reaches over."""
    whole, encoded = example.outline, example.encoded
    if len(starts) <= 1:
        return [example]
    rows = np.append(starts, len(whole))
    pieces = rows if whole.pieces is None else np.append(whole.pieces, len(encoded))[rows]

    def slices(first_rows: np.ndarray) -> list[slice]:
        """Of each part, what begins in it, by the rows in which all begin, in order."""
        return [slice(*bounds) for bounds in pairwise(np.searchsorted(first_rows, rows).tolist())]

    spans_of = slices(np.array([first for _, first, _ in example.spans], np.int64))
    pairs_of = slices(example.pairs[:, 0])
    segments = whole.segments
    segments_of = None if segments is None else slices(segments)
    parts = []
    bounds = zip(pairwise(rows), pairwise(pieces), strict=True)
    for number, ((first, last), (piece, end)) in enumerate(bounds):
        columns = (getattr(encoded, field.name)[piece:end] for field in fields(Encoded))
        outline = Outline(
            whole.starts[first:last],
            whole.ends[first:last],
            None if whole.pieces is None else whole.pieces[first:last] - piece,
            None
            if segments is None or segments_of is None
            else segments[segments_of[number]] - first,
            None if whole.words is None else whole.words[first:last],
        )
        spans = [(kind, a - first, b - first) for kind, a, b in example.spans[spans_of[number]]]
        parts.append(
            Example(
                example.document,
                Encoded(*columns),
                outline,
                example.tags[first:last],
                example.pairs[pairs_of[number]] - (first, first, 0),
                spans,
                task=example.task,
            )
        )
    return parts
