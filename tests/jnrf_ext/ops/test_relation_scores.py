"""relation_scores: every head x tail pair of each document, for every class."""

from __future__ import annotations

import warnings

import pytest
import torch
from relation_inputs import (
    INSTRUCTION_SETS,
    Operands,
    bounds,
    distances_with_instruction_set,
    operands,
    relative_distance,
)
from without_kernels import run_references

from jnrf_ext import ops, reference

EPS = torch.finfo(torch.float32).eps

#: Heads and tails of each document, classes, projection size: single pairs, empty documents,
#: sizes around the panels of the kernels, several tiles a document.
SIZES = [
    ([1], [1], 1, 1),
    ([3, 0, 5, 2], [4, 2, 0, 9], 4, 5),
    ([15, 28], [33, 64], 9, 70),
    ([300], [420], 9, 40),
    ([2500], [65], 9, 3),
    ([5], [2000], 9, 3),
    ([2, 3], [3, 4], 200, 300),
]


def test_one_pair_is_dot_product_plus_polynomial():
    given = Operands(
        u=torch.tensor([[[2.0, 3.0]]]),
        w=torch.tensor([[[5.0, 7.0]]]),
        pos_u=torch.tensor([10]),
        pos_w=torch.tensor([4]),
        cu_u=bounds([1]),
        cu_w=bounds([1]),
        alpha=torch.tensor([0.5]),
        beta=torch.tensor([0.25]),
        gamma=torch.tensor([100.0]),
    )
    assert ops.relation_scores(*given).tolist() == [[31.0 + 0.5 * 36 - 0.25 * 6 + 100.0]]


def test_pairs_are_ordered_by_document_head_and_tail():
    given = operands([2, 1], [2, 3], 1, 1)
    given = given._replace(
        w=torch.tensor([1.0, 2.0, 3.0]).double().reshape(3, 1, 1),
        u=torch.tensor([1.0, 10.0, 1.0, 10.0, 100.0]).double().reshape(5, 1, 1),
        alpha=torch.zeros(1).double(),
        beta=torch.zeros(1).double(),
        gamma=torch.zeros(1).double(),
    )
    assert ops.relation_scores(*given)[:, 0].tolist() == [1, 10, 2, 20, 3, 30, 300]


@pytest.mark.parametrize("sizes", SIZES)
def test_scores_and_gradients_equal_the_reference(sizes):
    given = operands(*sizes).trainable()
    ours, expected = ops.relation_scores(*given), reference.relation_scores(*given)
    assert relative_distance(ours, expected) < 1e-13
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2)).double()
    found = torch.autograd.grad(ours, given.floats, grad)
    wanted = torch.autograd.grad(expected, given.floats, grad)
    for ours, expected in zip(found, wanted, strict=True):
        assert relative_distance(ours, expected) < 1e-12


@pytest.mark.parametrize("sizes", SIZES)
def test_float32_is_as_close_as_its_sums_allow(sizes):
    # A dot product of D terms in random order errs by about sqrt(D) eps; the sums over rows alike.
    exact = operands(*sizes).to(torch.float32).to(torch.float64).trainable()
    given = exact.to(torch.float32).trainable()
    terms = max(sizes[3], max(sizes[0]), max(sizes[1]))
    limit = EPS * (2 + terms**0.5)
    ours, expected = ops.relation_scores(*given), reference.relation_scores(*exact)
    assert relative_distance(ours, expected) < limit
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    found = torch.autograd.grad(ours, given.floats, grad)
    wanted = torch.autograd.grad(expected, exact.floats, grad.double())
    for ours, expected in zip(found, wanted, strict=True):
        assert relative_distance(ours, expected) < limit


def test_gradients_are_those_of_finite_differences():
    given = operands([2, 0, 3], [3, 1, 2], 2, 3, span=5).trainable()
    kept = given._asdict()

    def scores(u, w, alpha, beta, gamma):
        changed = dict(u=u, w=w, alpha=alpha, beta=beta, gamma=gamma)
        return ops.relation_scores(**(kept | changed))

    assert torch.autograd.gradcheck(scores, given.floats)


def test_packed_documents_score_like_each_alone():
    given = operands([7, 0, 20, 3], [40, 5, 0, 6], 5, 17, torch.float32)
    alone = [ops.relation_scores(*given.document(b)) for b in range(4)]
    assert torch.equal(ops.relation_scores(*given), torch.cat(alone))


def test_bits_depend_neither_on_the_run_nor_on_the_threads():
    given = operands([150, 9], [300, 70], 9, 60, torch.float32).trainable()
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2):
            torch.set_num_threads(count)
            scores = ops.relation_scores(*given)
            results.append((scores, *torch.autograd.grad(scores.square().sum(), given.floats)))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("distance", [15_000, 100_000, 2**31 + 1])
def test_distances_do_not_overflow(distance):
    given = operands([1], [1], 1, 1, torch.float32)._replace(
        pos_u=torch.tensor([distance]), pos_w=torch.tensor([0])
    )
    exact = given.to(torch.float64)
    assert relative_distance(ops.relation_scores(*given), reference.relation_scores(*exact)) < (
        4 * EPS
    )


def test_strided_inputs_give_what_their_copies_give():
    given = operands([4], [6], 3, 8)
    wide = given._replace(
        u=given.u.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        w=torch.stack([given.w, given.w], dim=-1)[..., 0],
        alpha=torch.stack([given.alpha] * 2, dim=1)[:, 0],
    )
    assert not wide.u.is_contiguous()
    assert torch.equal(ops.relation_scores(*wide), ops.relation_scores(*given))


def test_rows_beyond_the_last_document_take_no_part():
    given = operands([2], [3], 2, 4)
    padded = given._replace(
        u=torch.cat([given.u, torch.full((2, 2, 4), float("nan")).double()]),
        w=torch.cat([given.w, torch.full((1, 2, 4), float("nan")).double()]),
        pos_u=torch.cat([given.pos_u, torch.tensor([-1, -1])]),
        pos_w=torch.cat([given.pos_w, torch.tensor([-1])]),
    ).trainable()
    scores = ops.relation_scores(*padded)
    assert torch.equal(scores, ops.relation_scores(*given))
    grad_u, grad_w = torch.autograd.grad(scores.sum(), (padded.u, padded.w))
    assert grad_u[3:].abs().sum() == 0
    assert grad_w[2:].abs().sum() == 0


@pytest.mark.parametrize(("heads", "tails"), [([], []), ([0], [0]), ([3], [0]), ([0, 0], [2, 1])])
def test_no_pairs_give_no_scores_and_zero_gradients(heads, tails):
    given = operands(heads, tails, 3, 2).trainable()
    scores = ops.relation_scores(*given)
    assert scores.shape == (0, 3)
    for gradient in torch.autograd.grad(scores.sum(), given.floats):
        assert gradient.abs().sum() == 0


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_every_instruction_set_gives_the_scores(isa):
    in_float32, in_float64 = distances_with_instruction_set(isa)["relation_scores"]
    assert in_float32 < 2e-6
    assert in_float64 < 1e-13


def test_without_a_kernel_the_reference_runs_and_says_so_once(monkeypatch):
    given = operands([2, 1], [3, 2], 3, 4)
    run_references(monkeypatch)
    with pytest.warns(UserWarning, match="relation_scores runs as its plain-torch reference"):
        scores = ops.relation_scores(*given)
    assert torch.equal(scores, reference.relation_scores(*given))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ops.relation_scores(*given)
    with pytest.warns(UserWarning, match="relation_loss"):
        loss = ops.relation_loss(*given, torch.tensor([[0, 1, 2]]), 0)
    assert torch.equal(loss, reference.relation_loss(*given, torch.tensor([[0, 1, 2]]), 0))
    with pytest.warns(UserWarning, match="relation_decode"):
        decoded = ops.relation_decode(*given, 0)
    expected = reference.relation_decode(*given, 0)
    assert all(torch.equal(a, b) for a, b in zip(decoded, expected, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.zeros(3, 2)}, r"relation_scores: u must be \[n_tails, R, D\].*not \[3, 2\]"),
        ({"u": torch.zeros(3, 0, 2).double()}, r"R and D at least 1, not \[3, 0, 2\]"),
        ({"u": torch.zeros(3, 2, 4).half()}, "u must be float32 or float64 on cpu"),
        ({"w": torch.zeros(2, 2, 5).double()}, r"w must be \[any, 2, 4\], not \[2, 2, 5\]"),
        ({"w": torch.zeros(2, 2, 4)}, "w must be torch.float64, not torch.float32"),
        ({"pos_u": torch.zeros(4).long()}, r"pos_u must be \[3\], not \[4\]"),
        ({"pos_w": torch.zeros(2).int()}, "pos_w must be torch.int64, not torch.int32"),
        ({"cu_u": torch.tensor([0, 3])}, "cu_u must be torch.int32, not torch.int64"),
        ({"cu_u": bounds([1, 2])}, r"cu_u is \[3\] but cu_w \[2\]"),
        ({"cu_u": bounds([])[:0]}, r"cu_u must be \[B \+ 1\], not \[0\]"),
        ({"gamma": torch.zeros(3).double()}, r"gamma must be \[2\], not \[3\]"),
        ({"beta": torch.zeros(2).double().to("meta")}, "u is on cpu but beta on meta"),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(change, message):
    given = operands([2], [3], 2, 4)
    with pytest.raises(ValueError, match=message):
        ops.relation_scores(*given._replace(**change))


@pytest.mark.parametrize(
    ("cu_u", "message"),
    [
        ([1, 2, 3], "relation_scores: cu_u must start at 0, not at 1"),
        ([0, 3, 2], "cu_u decreases from 3 to 2 at document 1"),
        ([0, 1, 4], "cu_u ends at 4, beyond the 3 rows"),
    ],
)
def test_wrong_bounds_are_named(cu_u, message):
    given = operands([1, 1], [1, 2], 2, 4)._replace(cu_u=torch.tensor(cu_u).int())
    with pytest.raises(RuntimeError, match=message):
        ops.relation_scores(*given)


def test_there_is_no_second_derivative_and_it_says_so():
    given = operands([2], [2], 2, 3).trainable()
    scores = ops.relation_scores(*given)
    (grad,) = torch.autograd.grad(scores.square().sum(), given.u, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        grad.sum().backward()


def test_opcheck_passes():
    given = operands([2, 1], [3, 2], 3, 4).trainable()
    torch.library.opcheck(torch.ops.jnrf.relation_scores.default, tuple(given))
    plain = operands([2, 1], [3, 2], 3, 4)
    grad = torch.randn(8, 3).double()
    torch.library.opcheck(torch.ops.jnrf.relation_scores_backward.default, (grad, *plain))


def test_compiles_into_one_graph_where_dynamic_shapes_are_captured():
    given = operands([2, 4], [3, 2], 3, 4).trainable()

    def sum_of_squares(*tensors):
        return ops.relation_scores(*tensors).square().sum()

    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(sum_of_squares, backend="aot_eager", fullgraph=True)
        ours, expected = compiled(*given), sum_of_squares(*given)
        assert torch.equal(ours, expected)
        found = torch.autograd.grad(ours, given.floats)
    wanted = torch.autograd.grad(expected, given.floats)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
