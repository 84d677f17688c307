"""Selective pooling (arXiv 2302.04185, section 3.3): the tokens that relation layers look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from jnrf_ext import ops


@dataclass
class Selection:
    """Some tokens of a packed batch, and which of them are heads and tails of relations.

    ``tokens int64 [S]`` are indices into the batch, in order. ``head_rows`` and ``tail_rows``,
    int64, are rows of ``tokens``, delimited a document by ``cu_heads``, ``cu_tails int32 [B + 1]``.
    Where the room was fixed, all three have as many places, unused ones hold -1, and ``dropped``,
    int64 ``[]``, counts the tokens that found none.
    """

    tokens: Tensor
    head_rows: Tensor
    tail_rows: Tensor
    cu_heads: Tensor
    cu_tails: Tensor
    dropped: Tensor | None = None

    @classmethod
    def of_roles(cls, roles: Tensor, cu_seqlens: Tensor, room: int | None = None) -> Selection:
        """The tokens whose role, int32 ``[T]``, is head (1), tail (2) or both (3).

        With ``room`` the first so many of the batch, with shapes that depend on no value, so that
        nothing waits for the device; without it all of them, for which the host must know how many.
        """
        every_role = torch.arange(4, dtype=torch.int32, device=roles.device)
        selected = (roles != 0).int()
        tokens, _, cu_tokens, _ = ops.select_tokens(selected, every_role, cu_seqlens, room)
        if room is None:
            tokens = tokens[: int(cu_tokens[-1])]
            roles = roles.index_select(0, tokens)
        else:
            places = _spread(tokens)
            roles = roles.index_select(0, places).masked_fill(tokens < 0, 0)
        # The unused places, without a role, are a last document of their own.
        bounds = torch.cat([cu_tokens, cu_tokens.new_full((1,), len(tokens))])
        head_rows, tail_rows, cu_heads, cu_tails = ops.select_tokens(roles, every_role, bounds)
        cu_heads, cu_tails = cu_heads[:-1], cu_tails[:-1]
        if room is None:
            head_rows, tail_rows = head_rows[: int(cu_heads[-1])], tail_rows[: int(cu_tails[-1])]
            return cls(tokens, head_rows, tail_rows, cu_heads, cu_tails)
        dropped = selected.sum() - cu_tokens[-1]
        selection = cls(tokens, head_rows, tail_rows, cu_heads, cu_tails, dropped)
        selection._token_places = places
        return selection

    @classmethod
    def of_lists(
        cls,
        heads: Sequence[int] | np.ndarray,
        tails: Sequence[int] | np.ndarray,
        cu_heads: Sequence[int] | np.ndarray,
        cu_tails: Sequence[int] | np.ndarray,
        device: torch.device,
    ) -> Selection:
        """The heads and tails listed as token indices, with their bounds a document."""
        listed = np.concatenate([np.asarray(tokens, np.int64) for tokens in (heads, tails)])
        tokens, rows = np.unique(listed, return_inverse=True)
        head_rows, tail_rows = np.split(rows.astype(np.int64), [len(heads)])
        columns = [torch.from_numpy(column) for column in (tokens, head_rows, tail_rows)]
        bounds = [torch.tensor(bound, dtype=torch.int32) for bound in (cu_heads, cu_tails)]
        return cls(*(tensor.to(device) for tensor in columns + bounds))

    # Where the room was fixed, what to read for each place: looked up once for each list, for every
    # small kernel costs the host of a GPU as much time as a large one.
    @cached_property
    def _token_places(self) -> Tensor:
        return self._readable(self.tokens)

    @cached_property
    def _head_places(self) -> Tensor:
        return self._readable(self.head_rows)

    @cached_property
    def _tail_places(self) -> Tensor:
        return self._readable(self.tail_rows)

    @cached_property
    def heads(self) -> Tensor:
        """Token index of each head; -1 in unused places."""
        return self._tokens_of(self.head_rows, self._head_places)

    @cached_property
    def tails(self) -> Tensor:
        """Token index of each tail; -1 in unused places."""
        return self._tokens_of(self.tail_rows, self._tail_places)

    def gather(self, x: Tensor) -> Tensor:
        """The rows of ``x [T, ...]`` at the selected tokens; unused places hold any row."""
        return x.index_select(0, self._token_places)

    def gather_heads(self, selected: Tensor) -> Tensor:
        """Of ``selected [S, ...]``, what :meth:`gather` gave, the rows of the heads."""
        return selected.index_select(0, self._head_places)

    def gather_tails(self, selected: Tensor) -> Tensor:
        """Of ``selected [S, ...]``, what :meth:`gather` gave, the rows of the tails."""
        return selected.index_select(0, self._tail_places)

    def _tokens_of(self, rows: Tensor, places: Tensor) -> Tensor:
        tokens = self.tokens.index_select(0, places)
        return tokens if self.dropped is None else tokens.masked_fill(rows < 0, -1)

    def _readable(self, rows: Tensor) -> Tensor:
        return rows if self.dropped is None else _spread(rows)


def _spread(rows: Tensor) -> Tensor:
    """``rows`` with another row in each unused place (-1), of which there are at most as many.

    So that their gradients, which are 0, do not queue at one row. A row then gets at most one
    gradient that is not 0, whatever the order: no bit depends on it.
    """
    others = torch.arange(len(rows), device=rows.device)
    return torch.where(rows < 0, others, rows)
