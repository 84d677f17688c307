"""relation_loss: cross-entropy of all pairs of each document, from sparse gold pairs."""

from __future__ import annotations

import pytest
import torch
from relation_inputs import (
    INSTRUCTION_SETS,
    distances_with_instruction_set,
    gold_pairs,
    operands,
    relative_distance,
)
from torch.nn import functional

from jnrf_ext import ops, reference

EPS = torch.finfo(torch.float32).eps
NO_PAIRS = torch.empty(0, 3, dtype=torch.int64)
SIZES = [
    ([1], [1], 1, 1),
    ([3, 0, 5, 2], [4, 2, 0, 9], 4, 5),
    ([15, 28], [33, 64], 9, 70),
    ([300], [420], 9, 40),
    ([2500], [65], 9, 3),
    ([5], [2000], 9, 3),
    ([2, 3], [3, 4], 200, 300),
]


def weights(classes: int, dtype=torch.float64) -> torch.Tensor:
    return torch.linspace(0.5, 2.0, classes, dtype=dtype)


def loss_and_gradients(function, given, pairs, *settings):
    losses = function(*given, pairs, *settings)
    grad = torch.linspace(0.5, 2.0, len(losses), dtype=losses.dtype)
    return losses, *torch.autograd.grad(losses, given.floats, grad)


def test_one_pair_costs_its_cross_entropy():
    given = operands([1], [1], 3, 2)
    expected = functional.cross_entropy(ops.relation_scores(*given)[0], torch.tensor(2))
    assert ops.relation_loss(*given, torch.tensor([[0, 0, 2]]), 0).item() == pytest.approx(
        expected.item(), rel=1e-14
    )


def test_pairs_that_are_not_listed_have_the_none_class():
    given = operands([2], [3], 4, 5)
    scores = ops.relation_scores(*given)
    for none_class in (0, 3):
        expected = functional.cross_entropy(scores, torch.full((6,), none_class), reduction="sum")
        assert torch.allclose(ops.relation_loss(*given, NO_PAIRS, none_class), expected)


def test_the_last_listing_of_a_pair_counts():
    given = operands([2], [3], 4, 5)
    repeated = torch.tensor([[1, 2, 3], [0, 1, 2], [1, 2, 1]])
    assert torch.equal(
        ops.relation_loss(*given, repeated, 0), ops.relation_loss(*given, repeated[1:], 0)
    )


def test_listings_with_row_minus_one_are_ignored():
    given = operands([2], [3], 4, 5)
    padded = torch.tensor([[-1, 2, 3], [0, 1, 2], [1, -1, 99], [-1, -1, -1]])
    assert torch.equal(
        ops.relation_loss(*given, padded, 0), ops.relation_loss(*given, padded[1:2], 0)
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_loss_and_gradients_equal_the_reference(sizes, weighted):
    given = operands(*sizes).trainable()
    pairs = gold_pairs(given, 10)
    settings = (sizes[2] - 1, weights(sizes[2]) if weighted else None)
    found = loss_and_gradients(ops.relation_loss, given, pairs, *settings)
    wanted = loss_and_gradients(reference.relation_loss, given, pairs, *settings)
    for ours, expected in zip(found, wanted, strict=True):
        assert relative_distance(ours, expected) < 1e-12


@pytest.mark.parametrize("sizes", SIZES)
def test_float32_is_as_close_as_its_sums_allow(sizes):
    # The softmax turns an error of the scores into a relative one of the same size.
    exact = operands(*sizes).to(torch.float32).to(torch.float64).trainable()
    given = exact.to(torch.float32).trainable()
    pairs = gold_pairs(given, 10)
    found = loss_and_gradients(ops.relation_loss, given, pairs, 0)
    wanted = loss_and_gradients(reference.relation_loss, exact, pairs, 0)
    terms = max(sizes[3], max(sizes[0]), max(sizes[1]))
    for ours, expected in zip(found, wanted, strict=True):
        assert relative_distance(ours, expected) < EPS * (4 + 2 * terms**0.5)


def test_gradients_are_those_of_finite_differences():
    given = operands([2, 0, 3], [3, 1, 2], 3, 3, span=5).trainable()
    kept = given._asdict()
    pairs = gold_pairs(given, 2)

    def losses(u, w, alpha, beta, gamma):
        changed = dict(u=u, w=w, alpha=alpha, beta=beta, gamma=gamma)
        return ops.relation_loss(**(kept | changed), pairs=pairs, none_class=0)

    assert torch.autograd.gradcheck(losses, given.floats)


def test_packed_documents_cost_what_each_costs_alone():
    given = operands([7, 0, 20, 3], [40, 5, 0, 6], 5, 17, torch.float32).trainable()
    pairs = gold_pairs(given, 4)
    losses, grad_u, grad_w, *_ = loss_and_gradients(ops.relation_loss, given, pairs, 0)
    scale = torch.linspace(0.5, 2.0, 4)
    for b in range(4):
        alone = given.document(b)
        of_document = (pairs[:, 0] >= given.cu_w[b]) & (pairs[:, 0] < given.cu_w[b + 1])
        first = torch.tensor([given.cu_w[b], given.cu_u[b], 0])
        loss = ops.relation_loss(*alone, pairs[of_document] - first, 0)
        assert torch.equal(loss[0], losses[b])
        found = torch.autograd.grad(scale[b] * loss.sum(), (alone.u, alone.w))
        assert torch.equal(found[0], grad_u[given.cu_u[b] : given.cu_u[b + 1]])
        assert torch.equal(found[1], grad_w[given.cu_w[b] : given.cu_w[b + 1]])


def test_bits_depend_neither_on_the_run_nor_on_the_threads():
    given = operands([350, 9], [500, 70], 9, 20, torch.float32).trainable()
    pairs = gold_pairs(given, 50)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 1, 2):
            torch.set_num_threads(count)
            results.append(loss_and_gradients(ops.relation_loss, given, pairs, 0))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("span", [15_000, 100_000, 10_000_000])
def test_distances_of_long_documents_stay_exact(span):
    # With alpha = -0.01 as the authors start it, scores of -10^10 and more meet in one softmax.
    exact = operands([20], [30], 4, 6, span=span)._replace(
        alpha=torch.tensor([-0.01, -0.01, 0.0, -0.02]).double()
    )
    exact = exact.to(torch.float32).to(torch.float64).trainable()
    given = exact.to(torch.float32).trainable()
    pairs = gold_pairs(given, 10)
    found = loss_and_gradients(ops.relation_loss, given, pairs, 0)
    wanted = loss_and_gradients(reference.relation_loss, exact, pairs, 0)
    assert all(torch.isfinite(t).all() for t in found)
    assert relative_distance(found[0], wanted[0]) < 1e-5


def test_vanishing_probabilities_are_zero_and_never_subnormal():
    # Subnormal numbers would make the products of the backward a hundred times slower.
    scores = torch.linspace(0, -110, 300)
    given = operands([1], [300], 2, 1, torch.float32)._replace(
        w=torch.ones(1, 2, 1), u=torch.stack([torch.zeros(300), scores], dim=1)[:, :, None]
    )
    given = given._replace(alpha=torch.zeros(2), beta=torch.zeros(2), gamma=torch.zeros(2))
    u = given.u.clone().requires_grad_()
    losses = ops.relation_loss(*given._replace(u=u), NO_PAIRS, 0)
    (grad,) = torch.autograd.grad(losses.sum(), u)
    assert torch.allclose(grad[:, 1, 0], scores.sigmoid(), rtol=1e-5, atol=1e-30)
    assert not ((grad != 0) & (grad.abs() < torch.finfo(torch.float32).tiny)).any()


def test_a_second_backward_gives_the_same_gradients_again():
    given = operands([3], [4], 3, 5).trainable()
    loss = ops.relation_loss(*given, NO_PAIRS, 0).sum()
    first = torch.autograd.grad(loss, given.floats, retain_graph=True)
    second = torch.autograd.grad(loss, given.floats)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradient_of_some_inputs_only():
    given = operands([3], [4], 3, 5)
    w = given.w.clone().requires_grad_()
    ops.relation_loss(*given._replace(w=w), NO_PAIRS, 0).sum().backward()
    expected = loss_and_gradients(ops.relation_loss, given.trainable(), NO_PAIRS, 0)[2]
    assert torch.allclose(w.grad, expected / 0.5)  # loss_and_gradients weighs the first by 1/2


def test_rows_beyond_the_last_document_take_no_part():
    given = operands([2], [3], 2, 4)
    nan = torch.full((2, 2, 4), float("nan")).double()
    unused = torch.tensor([-1, -1])
    padded = given._replace(
        u=torch.cat([given.u, nan]),
        w=torch.cat([given.w, nan]),
        pos_u=torch.cat([given.pos_u, unused]),
        pos_w=torch.cat([given.pos_w, unused]),
    ).trainable()
    pairs = torch.tensor([[1, 2, 1]])
    losses, grad_u, grad_w, *_ = loss_and_gradients(ops.relation_loss, padded, pairs, 0)
    assert torch.equal(losses, ops.relation_loss(*given, pairs, 0))
    assert grad_u[3:].abs().sum() == 0
    assert grad_w[2:].abs().sum() == 0


@pytest.mark.parametrize(("heads", "tails"), [([], []), ([0], [0]), ([3], [0]), ([0, 0], [2, 1])])
def test_documents_without_pairs_cost_nothing(heads, tails):
    given = operands(heads, tails, 3, 2).trainable()
    losses, *gradients = loss_and_gradients(ops.relation_loss, given, NO_PAIRS, 0)
    assert losses.tolist() == [0.0] * len(heads)
    for gradient in gradients:
        assert gradient.abs().sum() == 0


def test_scores_that_are_not_numbers_show_in_their_document_alone():
    given = operands([2, 2], [3, 40], 3, 4)
    u = given.u.clone()
    u[0, 1, 2] = float("nan")
    given = given._replace(u=u).trainable()
    losses = ops.relation_loss(*given, NO_PAIRS, 0)
    assert losses.isnan().tolist() == [True, False]
    gradient = torch.autograd.grad(losses.sum(), given.u)[0]
    assert gradient[0].isnan().any()
    assert not gradient[3:].isnan().any()


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_every_instruction_set_gives_loss_and_gradients(isa):
    in_float32, in_float64 = distances_with_instruction_set(isa)["relation_loss"]
    assert in_float32 < 2e-6
    assert in_float64 < 1e-13


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ([3, 0, 1], "relation_loss: pair 1 names row 3 of w, which has 3"),
        ([-2, 0, 1], "pair 1 names row -2 of w"),
        ([0, 5, 1], "pair 1 names row 5 of u, which has 5"),
        ([0, 0, 4], "pair 1 has class 4, which is not one of the 4 classes"),
        ([0, 3, 1], "pair 1 joins head row 0 of document 0 with tail row 3 of document 1"),
    ],
)
def test_impossible_pairs_are_named(pair, message):
    given = operands([2, 1], [3, 2], 4, 2)
    with pytest.raises(RuntimeError, match=message):
        ops.relation_loss(*given, torch.tensor([[0, 0, 1], pair]), 0)


def test_pairs_beyond_the_last_document_are_named():
    given = operands([2], [3], 4, 2)._replace(cu_u=torch.tensor([0, 2]).int())
    with pytest.raises(RuntimeError, match=r"pair 0 .* lies beyond the last document"):
        ops.relation_loss(*given, torch.tensor([[0, 2, 1]]), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"none_class": 4}, "relation_loss: none_class 4 is not one of the 4 classes"),
        ({"none_class": -1}, "none_class -1"),
        ({"pairs": torch.zeros(2, 2).long()}, r"pairs must be \[any, 3\], not \[2, 2\]"),
        ({"pairs": torch.zeros(2, 3)}, "pairs must be torch.int64, not torch.float32"),
        ({"class_weight": torch.ones(3).double()}, r"class_weight must be \[4\], not \[3\]"),
        ({"class_weight": torch.ones(4)}, "class_weight must be torch.float64"),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(change, message):
    given = operands([2], [3], 4, 2)._asdict() | {"pairs": NO_PAIRS, "none_class": 0}
    with pytest.raises(ValueError, match=message):
        ops.relation_loss(**(given | change))


def test_opcheck_passes():
    given = operands([2, 1], [3, 2], 3, 4).trainable()
    pairs = torch.tensor([[0, 1, 2], [2, 4, 1]])
    for weight in (None, weights(3)):
        torch.library.opcheck(
            torch.ops.jnrf.relation_loss.default, (*given, pairs, 0, weight, True)
        )
    plain = operands([2, 1], [3, 2], 3, 4)
    _, *kept = torch.ops.jnrf.relation_loss(*plain, pairs, 0, None, True)
    torch.library.opcheck(
        torch.ops.jnrf.relation_loss_backward.default,
        (torch.ones(2).double(), *kept, plain.cu_u, plain.cu_w, torch.float64),
    )


def test_compiles_into_one_graph_with_its_gradients():
    given = operands([2, 4], [3, 2], 3, 4).trainable()
    pairs = torch.tensor([[0, 1, 2], [2, 4, 1]])

    def mean_loss(*tensors):
        return ops.relation_loss(*tensors, pairs, 0).mean()

    compiled = torch.compile(mean_loss, backend="aot_eager", fullgraph=True)
    ours, expected = compiled(*given), mean_loss(*given)
    assert torch.equal(ours, expected)
    found = torch.autograd.grad(ours, given.floats)
    wanted = torch.autograd.grad(expected, given.floats)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
