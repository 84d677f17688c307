"""select_tokens: which tokens may be heads or tails of relations."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from without_kernels import run_references

from jnrf_ext import ops, reference

#: Labels 0 neither, 1 head, 2 tail, 3 both.
ROLES = torch.arange(4, dtype=torch.int32)


def cu(*bounds: int) -> torch.Tensor:
    return torch.tensor(bounds, dtype=torch.int32)


def lists(selected) -> list[list[int]]:
    return [t.tolist() for t in selected]


def test_heads_and_tails_come_in_document_order_with_bounds():
    labels = torch.tensor([0, 1, 2, 3, 0, 2, 1])
    heads, tails, cu_heads, cu_tails = lists(ops.select_tokens(labels, ROLES, cu(0, 4, 7)))
    assert heads == [1, 3, 6, -1, -1, -1, -1]
    assert tails == [2, 3, 5, -1, -1, -1, -1]
    assert cu_heads == [0, 2, 3]
    assert cu_tails == [0, 2, 3]


def test_what_exceeds_the_capacity_is_dropped_from_the_end():
    labels = torch.tensor([1, 1, 1, 2, 1])
    heads, tails, cu_heads, cu_tails = lists(ops.select_tokens(labels, ROLES, cu(0, 2, 4, 5), 2))
    assert heads == [0, 1]
    assert tails == [3, -1]
    assert cu_heads == [0, 2, 2, 2]
    assert cu_tails == [0, 0, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_select_by_their_largest_and_the_first_of_equals(dtype):
    logits = torch.tensor([[0, 1, 0, 0], [0, 2, 2, 0], [5, 5, 5, 5], [0, 0, 1, 0]], dtype=dtype)
    heads, tails, cu_heads, _ = lists(ops.select_tokens(logits, ROLES, cu(0, 4)))
    assert heads == [0, 1, -1, -1]
    assert tails == [3, -1, -1, -1]
    assert cu_heads == [0, 2]


def test_logits_that_are_not_numbers_count_as_largest_like_in_argmax():
    logits = torch.tensor([[1.0, 2.0, float("nan"), float("nan")], [float("nan"), 9.0, 0.0, 0.0]])
    expected = reference.select_tokens(logits, ROLES, cu(0, 2))
    assert lists(ops.select_tokens(logits, ROLES, cu(0, 2))) == lists(expected)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_documents_give_what_torch_where_gives(data):
    lengths = data.draw(st.lists(st.integers(0, 9), max_size=5))
    tokens = sum(lengths)
    labels = data.draw(st.lists(st.integers(0, 3), min_size=tokens, max_size=tokens))
    capacity = data.draw(st.none() | st.integers(0, tokens + 3))
    dtype = data.draw(st.sampled_from([torch.int32, torch.int64]))
    labels = torch.tensor(labels, dtype=dtype)
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    ours = ops.select_tokens(labels, ROLES, bounds, capacity)
    expected = reference.select_tokens(labels, ROLES, bounds, capacity)
    assert lists(ours) == lists(expected)
    assert [t.dtype for t in ours] == [t.dtype for t in expected]


def test_many_tokens_give_the_same_for_any_number_of_threads():
    logits = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0))
    bounds = cu(0, 7, 7, 20_000)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(lists(ops.select_tokens(logits, ROLES, bounds)))
    finally:
        torch.set_num_threads(threads)
    assert results[0] == results[1]
    assert results[0] == lists(reference.select_tokens(logits, ROLES, bounds))


def test_strided_labels_are_read_where_they_are():
    wide = torch.tensor([[0, 9], [1, 9], [2, 9]])
    assert lists(ops.select_tokens(wide[:, 0], ROLES, cu(0, 3)))[0] == [1, -1, -1]


def test_no_documents_and_no_tokens_give_empty_answers():
    nothing = torch.empty(0, dtype=torch.int64)
    assert lists(ops.select_tokens(nothing, ROLES, cu(0))) == [[], [], [0], [0]]
    assert lists(ops.select_tokens(nothing, ROLES, cu(0, 0))) == [[], [], [0, 0], [0, 0]]


def test_without_a_kernel_the_reference_runs_and_says_so(monkeypatch):
    run_references(monkeypatch)
    labels = torch.tensor([0, 1, 2, 3])
    with pytest.warns(UserWarning, match="select_tokens runs as its plain-torch reference"):
        selected = ops.select_tokens(labels, ROLES, cu(0, 4), 3)
    assert lists(selected) == [[1, 3, -1], [2, 3, -1], [0, 2], [0, 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.zeros(2, 2, 2)}, r"select_tokens: labels must be \[T\] or \[T, L\]"),
        ({"labels": torch.zeros(3)}, "labels .* must be int64 or int32, not torch.float32"),
        ({"labels": torch.zeros(3, 4).long()}, "logits must be float, not torch.int64"),
        ({"labels": torch.zeros(3, 5)}, "5 logits a token but 4 roles"),
        ({"role_of_label": ROLES.long()}, "role_of_label must be int32"),
        ({"cu_seqlens": torch.tensor([0, 3])}, "cu_seqlens must be int32"),
        ({"cu_seqlens": cu()}, r"cu_seqlens must be \[B \+ 1\], not \[0\]"),
        ({"capacity": -1}, "capacity must not be negative, but is -1"),
        ({"role_of_label": ROLES.to("meta")}, "role_of_label on meta"),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(change, message):
    given = {"labels": torch.zeros(3).long(), "role_of_label": ROLES, "cu_seqlens": cu(0, 3)}
    with pytest.raises(ValueError, match=message):
        ops.select_tokens(**(given | change))


@pytest.mark.parametrize(
    ("labels", "bounds", "message"),
    [
        ([0, 1, 4], (0, 3), "select_tokens: label 4 of token 2 is not one of the 4 labels"),
        ([0, -1, 0], (0, 3), "label -1 of token 1"),
        ([0, 0, 0], (1, 3), "cu_seqlens must start at 0, not at 1"),
        ([0, 0, 0], (0, 2, 1, 3), "cu_seqlens decreases from 2 to 1 at document 1"),
        ([0, 0, 0], (0, 2), "cu_seqlens must end at the number of tokens, 3, not at 2"),
    ],
)
def test_wrong_values_are_named(labels, bounds, message):
    with pytest.raises(RuntimeError, match=message):
        ops.select_tokens(torch.tensor(labels), ROLES, cu(*bounds))


def test_opcheck_passes():
    for labels in (torch.tensor([0, 1, 2, 3]), torch.randn(4, 4)):
        torch.library.opcheck(torch.ops.jnrf.select_tokens.default, (labels, ROLES, cu(0, 4), 3))


def test_compiles_into_one_graph():
    def selected(logits, bounds):
        heads, _, cu_heads, _ = ops.select_tokens(logits, ROLES, bounds)
        return heads + 1, cu_heads

    logits = torch.randn(9, 4)
    compiled = torch.compile(selected, backend="aot_eager", fullgraph=True)
    assert lists(compiled(logits, cu(0, 9))) == lists(selected(logits, cu(0, 9)))
