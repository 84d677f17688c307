"""Features of words: their characters through a GRU, and their casing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext.nn.recurrent import BiRecurrent, Steps, time_order
from jnrf_ext.packing.word_shapes import CASINGS, NUM_CHARACTERS, WordShapes


class WordShapeEncoder(nn.Module):
    """The last states of a bidirectional GRU over a word's characters, and its casing.

    As in Crone (2020, arXiv 2002.06424), whose ``character_size`` is 32: the width of the
    character embeddings and of each direction's state. Each distinct word is read once.
    """

    def __init__(self, character_size: int):
        super().__init__()
        self.embedding = nn.Embedding(NUM_CHARACTERS, character_size)
        self.recurrent = BiRecurrent(character_size, character_size, "gru")
        #: Numbers a word.
        self.out_features = 2 * character_size + len(CASINGS)

    def forward(self, shapes: WordShapes, steps: Steps | None = None) -> Tensor:
        """N words -> ``[N, out_features]``: state forwards, state backwards, one-hot casing.

        The states of an empty word are 0. ``steps`` are ``time_order(shapes.bounds)`` where that
        is known already.
        """
        states = self._last_states(shapes, steps or time_order(shapes.bounds))
        casing = functional.one_hot(shapes.casing, len(CASINGS)).to(states.dtype)
        return torch.cat([states, casing], dim=1).index_select(0, shapes.index)

    def _last_states(self, shapes: WordShapes, steps: Steps) -> Tensor:
        rows = self.recurrent(self.embedding(shapes.characters), steps)
        forwards, backwards = rows.chunk(2, dim=1)
        # An empty word meets in a row of zeros after the last one.
        empty = rows.new_zeros(1, forwards.shape[1])
        starts, ends = shapes.bounds[:-1].long(), shapes.bounds[1:].long()
        none = torch.full_like(starts, len(rows))
        last = torch.where(ends > starts, ends - 1, none).to(rows.device, non_blocking=True)
        first = torch.where(ends > starts, starts, none).to(rows.device, non_blocking=True)
        return torch.cat(
            [
                torch.cat([forwards, empty]).index_select(0, last),
                torch.cat([backwards, empty]).index_select(0, first),
            ],
            dim=1,
        )
