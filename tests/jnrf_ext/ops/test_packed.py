"""What follows from the bounds of packed documents alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from without_kernels import run_references

from jnrf_ext import ops, reference


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


@given(lengths=st.lists(st.integers(0, 9), max_size=6), first=st.integers(0, 99))
def test_positions_start_anew_in_each_document(lengths, first):
    x = torch.zeros(sum(lengths), 3)
    positions = ops.token_positions(x, packed(*lengths), first)
    assert positions.tolist() == [first + i for length in lengths for i in range(length)]
    assert positions.dtype == torch.int64
    assert torch.equal(positions, reference.token_positions(x, packed(*lengths), first))


def test_without_a_kernel_the_reference_runs_and_says_so(monkeypatch):
    run_references(monkeypatch)
    with pytest.warns(UserWarning, match="token_positions runs as its plain-torch reference"):
        assert ops.token_positions(torch.zeros(3), packed(1, 2)).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("x", "bounds", "message"),
    [
        (torch.tensor(1.0), packed(1), r"x must be \[T, ...\], not \[\]"),
        (torch.zeros(1), packed(1).long(), r"int32 \[B \+ 1\], not torch.int64 \[2\]"),
        (torch.zeros(1), packed(1)[:0], r"not torch.int32 \[0\]"),
        (torch.zeros(1), packed(1).to("meta"), "x is on cpu but cu_seqlens on meta"),
    ],
)
def test_arguments_that_are_wrong(x, bounds, message):
    with pytest.raises(ValueError, match=f"token_positions: .*{message}"):
        ops.token_positions(x, bounds)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([1, 3], "must start at 0, not at 1"),
        ([0, 2, 1, 3], "decreases from 2 to 1 at document 1"),
        ([0, 2], "must end at the number of tokens, 3, not at 2"),
    ],
)
def test_bounds_that_are_wrong(bounds, message):
    with pytest.raises(RuntimeError, match=f"token_positions: cu_seqlens {message}"):
        ops.token_positions(torch.zeros(3), torch.tensor(bounds, dtype=torch.int32))


def test_opcheck_passes_and_it_compiles():
    x, bounds = torch.zeros(5, 2), packed(2, 0, 3)
    torch.library.opcheck(torch.ops.jnrf.token_positions, (x, bounds, 4))
    compiled = torch.compile(ops.token_positions, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x, bounds), ops.token_positions(x, bounds))
