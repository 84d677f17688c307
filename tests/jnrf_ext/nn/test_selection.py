"""Selections: all selected tokens, or the first that find room, with shapes known beforehand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from no_waits import NoWaits

from jnrf_ext.nn.selection import Selection


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def test_heads_and_tails_are_rows_of_the_selected_tokens():
    roles = torch.tensor([0, 1, 2, 3, 0, 2, 1], dtype=torch.int32)
    chosen = Selection.of_roles(roles, packed(4, 3))
    assert chosen.tokens.tolist() == [1, 2, 3, 5, 6]
    assert chosen.head_rows.tolist() == [0, 2, 4]
    assert chosen.tail_rows.tolist() == [1, 2, 3]
    assert chosen.heads.tolist() == [1, 3, 6]
    assert chosen.tails.tolist() == [2, 3, 5]
    assert chosen.cu_heads.tolist() == chosen.cu_tails.tolist() == [0, 2, 3]
    assert chosen.dropped is None


@given(st.data())
def test_room_keeps_the_first_selected_tokens_and_counts_the_others(data):
    lengths = data.draw(st.lists(st.integers(0, 9), max_size=5))
    tokens = sum(lengths)
    roles = torch.tensor(
        data.draw(st.lists(st.integers(0, 3), min_size=tokens, max_size=tokens)), dtype=torch.int32
    )
    room = data.draw(st.integers(0, tokens))
    bounds = packed(*lengths)
    fixed = Selection.of_roles(roles, bounds, room)
    whole = Selection.of_roles(roles, bounds)
    last = whole.tokens[room] if room < len(whole.tokens) else tokens
    kept = Selection.of_roles(roles.masked_fill(torch.arange(tokens) >= last, 0), bounds)
    assert int(fixed.dropped) == len(whole.tokens) - len(kept.tokens)
    assert torch.equal(fixed.cu_heads, kept.cu_heads)
    assert torch.equal(fixed.cu_tails, kept.cu_tails)
    x = torch.randn(tokens, 2)
    for name in ("tokens", "head_rows", "tail_rows", "heads", "tails"):
        got, wanted = getattr(fixed, name), getattr(kept, name)
        assert got.tolist() == wanted.tolist() + [-1] * (room - len(wanted))
    rows, wanted = fixed.gather(x), kept.gather(x)
    assert torch.equal(rows[: len(wanted)], wanted)
    for part in ("gather_heads", "gather_tails"):
        got, right = getattr(fixed, part)(rows), getattr(kept, part)(wanted)
        assert len(got) == room
        assert torch.equal(got[: len(right)], right)


def test_with_room_nothing_waits_for_the_device():
    roles = torch.zeros(9, dtype=torch.int32, device="meta")
    with NoWaits() as log:
        chosen = Selection.of_roles(roles, packed(4, 5), 6)
        chosen.gather_heads(chosen.gather(torch.zeros(9, 2, device="meta")))
    assert chosen.heads.shape == chosen.tails.shape == (6,)
    assert "select_tokens" in log.operators
    with pytest.raises((AssertionError, RuntimeError)), NoWaits():
        Selection.of_roles(roles, packed(4, 5))


def test_lists_may_name_a_token_twice():
    chosen = Selection.of_lists([5, 2], [2], [0, 2], [0, 1], torch.device("cpu"))
    assert chosen.tokens.tolist() == [2, 5]
    assert chosen.heads.tolist() == [5, 2]
    assert chosen.tails.tolist() == [2]
    assert chosen.cu_heads.dtype == torch.int32
