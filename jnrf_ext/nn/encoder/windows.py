"""Overlapping windows over packed documents, for encoders of limited length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Windows of a group are at least this share of its longest, so that little is padding,
_LEAST_FILLED = 0.75
#: but a group has at least so many tokens: many small passes take longer than some padding.
_LEAST_TOKENS = 1024


@dataclass(slots=True, frozen=True)
class Windows:
    """W windows over T wordpieces; every wordpiece is taken from the one it is most central in."""

    starts: np.ndarray  #: int64 [W], first wordpiece
    lengths: np.ndarray  #: int64 [W], wordpieces
    window_of: np.ndarray  #: int64 [T], the window that each wordpiece is taken from

    def groups(self, most_tokens: int, one_length: bool = False) -> Iterator[np.ndarray]:
        """The windows, longest first, in groups of similar length and at most so many tokens.

        With ``one_length`` all windows of a group are equally long.
        """
        order = np.argsort(-self.lengths, kind="stable")
        first = 0
        for at in range(1, len(order) + 1):
            longest = self.lengths[order[first]]
            tokens = (at - first) * longest
            if (
                at == len(order)
                or (one_length and self.lengths[order[at]] < longest)
                or (self.lengths[order[at]] < _LEAST_FILLED * longest and tokens >= _LEAST_TOKENS)
                or tokens + longest > most_tokens
            ):
                yield order[first:at]
                first = at


def cut_windows(cu_seqlens: np.ndarray, size: int, overlap: int) -> Windows:
    """Cut segments, int ``[S + 1]``, that are longer than ``size`` wordpieces into windows.

    A segment's windows are equally long, evenly spread, and overlap by at least ``overlap``
    wordpieces; a wordpiece in several belongs to the one whose middle is nearest.
    """
    starts, lengths, counts = [], [], []
    bounds = cu_seqlens.tolist()
    for first, end in pairwise(bounds):
        length = end - first
        if length == 0:
            continue
        if length <= size:
            starts.append(first)
            lengths.append(length)
            counts.append(length)
            continue
        number = -(-(length - overlap) // (size - overlap))
        places = [round(i * (length - size) / (number - 1)) for i in range(number)]
        # From one window to the next in the middle of what they share.
        turns = [(a + size + b) // 2 for a, b in pairwise(places)]
        edges = [0, *turns, length]
        starts += [first + place for place in places]
        lengths += [size] * number
        counts += [b - a for a, b in pairwise(edges)]
    window_of = np.repeat(np.arange(len(starts)), counts)
    return Windows(np.array(starts, np.int64), np.array(lengths, np.int64), window_of)
