"""The rows that a model works on: wordpieces, or words of them; and their segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jnrf_ext import _text
from jnrf_ext.config import JNRFConfig
from jnrf_ext.packing.mention_rows import MentionRows
from jnrf_ext.packing.word_shapes import WordShapes, word_shapes
from jnrf_ext.text.sentences import sentence_starts
from jnrf_ext.text.tokenizer import Encoded


@dataclass(slots=True, frozen=True, eq=False)
class Outline:
    """The r rows of one document, each a wordpiece or a word, and the segments they form.

    ``starts`` and ``ends`` are the rows' characters, half open.
    """

    starts: np.ndarray  #: int32 [r]
    ends: np.ndarray  #: int32 [r]
    #: int64 [r], the first wordpiece of each row; None where each wordpiece is a row
    pieces: np.ndarray | None = None
    #: int64 [s], the first row of each segment; None where the document is the only one
    segments: np.ndarray | None = None
    #: The rows as they are spelled, where the model reads characters
    words: list[str] | None = None

    @property
    def bounds(self) -> np.ndarray:
        """Where each segment starts, then the number of rows: int64 ``[s + 1]``."""
        first = np.zeros(1, np.int64) if self.segments is None else self.segments
        return np.append(first, len(self))

    def __len__(self) -> int:
        return len(self.starts)


def outline(text: str, encoded: Encoded, config: JNRFConfig) -> Outline:
    """The rows and segments of a text as a model of this configuration has them."""
    starts, ends, pieces = encoded.starts, encoded.ends, None
    if config.units != "wordpiece":
        begins = encoded.word_starts
        if config.units == "word":
            begins = _text.unit_starts(text, encoded.starts, encoded.ends)
        pieces = np.flatnonzero(begins).astype(np.int64)
        if len(encoded) and not begins[0]:  # a wordpiece of white space, which is no word's first
            pieces = np.insert(pieces, 0, 0)
        starts, ends = starts[pieces], _row_ends(text, encoded, pieces)
    segments = None
    if config.segments == "sentence" and len(encoded):
        first = sentence_starts(text, encoded)
        segments = np.flatnonzero(first if pieces is None else first[pieces])
    words = None
    if config.character_size:
        words = [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Outline(starts, ends, pieces, segments, words)


def _row_ends(text: str, encoded: Encoded, pieces: np.ndarray) -> np.ndarray:
    """Where rows of wordpieces end: with their last wordpiece that is more than white space."""
    last = np.append(pieces, len(encoded))[1:] - 1
    blank = _text.blank(text, encoded.starts, encoded.ends)
    if blank[last].any():
        shown = np.maximum.accumulate(np.where(blank, -1, np.arange(len(blank))))[last]
        last = np.where(shown < pieces, last, shown)
    return encoded.ends[last]


@dataclass(slots=True)
class Layout:
    """Where rows and segments are in a packed batch of T wordpieces, N rows and B documents.

    Bounds stay on the host, where lengths are needed to plan, and so do mentions; the rest is on
    the model's device.
    """

    #: int32 ``[B + 1]``, the documents in rows
    cu_rows: Tensor
    #: int32 ``[S + 1]``, the segments in rows; never across documents
    cu_segments: Tensor
    #: int32 ``[S + 1]``, the segments in wordpieces
    cu_segment_pieces: Tensor
    #: int64 ``[N]``, the first wordpiece of each row; None where each wordpiece is a row
    pieces: Tensor | None = None
    #: int64 ``[T]``, the row of each wordpiece; None likewise
    row_of: Tensor | None = None
    #: The rows' spelling
    shapes: WordShapes | None = None
    #: The gold mentions, in training
    mentions: MentionRows | None = None

    @classmethod
    def plain(cls, cu_seqlens: Tensor) -> Layout:
        """Every wordpiece a row, every document a segment."""
        return cls(cu_seqlens, cu_seqlens, cu_seqlens)

    def to(self, device: torch.device | str) -> Layout:
        """The layout on a device, but for bounds and mentions, which are read on the host."""

        def move(value):
            if isinstance(value, Tensor) and torch.device(device).type == "cuda":
                return value.pin_memory().to(device, non_blocking=True)
            return None if value is None else value.to(device)

        bounds = (self.cu_rows, self.cu_segments, self.cu_segment_pieces)
        moved = (move(self.pieces), move(self.row_of), move(self.shapes))
        return Layout(*bounds, *moved, self.mentions)


def lay_out(outlines: list[Outline], lengths: list[int]) -> Layout:
    """The layout of documents packed in this order, of ``lengths`` wordpieces each."""
    cu_pieces = np.cumsum([0, *lengths])
    cu_rows = np.cumsum([0, *map(len, outlines)])
    segments = [o.bounds[:-1] + shift for o, shift in zip(outlines, cu_rows[:-1], strict=True)]
    cu_segments = np.append(np.concatenate(segments), cu_rows[-1]) if segments else cu_rows
    layout = Layout(_bounds(cu_rows), _bounds(cu_segments), _bounds(cu_segments))
    if any(o.pieces is not None for o in outlines):
        pieces = np.concatenate([o.pieces + s for o, s in zip(outlines, cu_pieces, strict=False)])
        starts = np.zeros(cu_pieces[-1], np.int64)
        starts[pieces] = 1
        layout.pieces = torch.from_numpy(pieces)
        layout.row_of = torch.from_numpy(np.cumsum(starts) - 1)
        layout.cu_segment_pieces = _bounds(np.append(pieces, cu_pieces[-1])[cu_segments])
    spelled = [o.words for o in outlines if o.words is not None]
    if spelled:
        if len(spelled) < len(outlines):
            raise TypeError("the rows of some documents are spelled, those of others are not")
        layout.shapes = word_shapes([word for words in spelled for word in words])
    return layout


def mention_rows(
    spans: Sequence[Iterable[tuple]], layout: Layout, entity_types: Sequence[str]
) -> MentionRows:
    """The mentions of packed documents from (type, first row, last row exclusive, ...) of each.

    Rows are counted within the document, ``layout`` says where those are in the batch.
    """
    number = {name: index for index, name in enumerate(entity_types)}
    documents = [
        [(first, last - 1, number[kind]) for kind, first, last, *_ in mentions]
        for mentions in spans
    ]
    mentions = MentionRows.of_documents(documents, layout.cu_rows)
    mentions.cu_segments = layout.cu_segments
    return mentions


def _bounds(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.int32))
