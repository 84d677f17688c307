"""The relation operators on CUDA, against the reference in float64."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from cuda_backends import BACKENDS
from relation_inputs import (
    Operands,
    from_scores,
    gold_pairs,
    operands,
    relative_distance,
)
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from jnrf_ext import _loader, ops, reference

NO_PAIRS = torch.empty(0, 3, dtype=torch.int64)
EPS = torch.finfo(torch.float32).eps
DTYPES = [torch.float32, torch.float64, torch.bfloat16]

#: Heads and tails of each document, classes, projection size. Tiles have 64 rows and columns, 32
#: where shared memory has no room for more: in float64, and from 13 classes on; with many classes
#: scores are not in shared memory at all.
SIZES = [
    ([1], [1], 1, 1),
    ([3, 0, 5, 2], [4, 2, 0, 9], 4, 5),
    ([70, 3], [130, 40], 3, 72),
    ([35, 2], [33, 70], 13, 24),
    ([2, 3], [3, 4], 200, 9),
]

on_backends = pytest.mark.parametrize("backend", BACKENDS)


def rounded(given: Operands, dtype: torch.dtype) -> Operands:
    """Operands of this dtype; beside bfloat16 everything but u and w is float32."""
    if dtype != torch.bfloat16:
        return given.to(dtype)
    wide = given.to(torch.float32)
    return wide._replace(u=given.u.to(dtype), w=given.w.to(dtype))


def exact(given: Operands) -> Operands:
    """The same numbers in float64, to be differentiated."""
    return given.to(torch.float64).trainable()


def limit(dtype: torch.dtype, terms: int) -> float:
    """How far sums of so many terms may be off."""
    return 1e-12 if dtype == torch.float64 else EPS * (4 + 2 * terms**0.5)


def gradient_limit(dtype: torch.dtype, terms: int) -> float:
    """The same after gradients of scores were rounded to the dtype of u and w, and once more."""
    return 2**-8 if dtype == torch.bfloat16 else limit(dtype, terms)


def terms_of(sizes) -> int:
    return max(sizes[3], *sizes[0], *sizes[1])


def loss_on(backend, given, pairs, none_class=0, weight=None, workspace=0) -> SimpleNamespace:
    """Loss and gradients, those of document b times 0.5 + b, on the backend in any order."""
    factor = torch.arange(len(given.cu_u) - 1).to(given.alpha) + 0.5
    moved = Operands(*backend.move(list(given)))
    pairs, weight, factor = backend.move([pairs, weight, factor])

    def work():
        loss, *kept = backend.op("relation_loss")(
            *moved, pairs, none_class, weight, True, workspace
        )
        scaled = backend.op("relation_loss_backward")(
            factor, *kept, moved.cu_u, moved.cu_w, given.u.dtype
        )
        return [loss, *kept, *scaled]

    loss, *kept, u, w, coefficients = [t.cpu() for t in backend.every_order(work)]
    return SimpleNamespace(loss=loss, kept=kept, gradients=(u, w, *coefficients.unbind(0)))


def expected_loss(given, pairs, none_class=0, weight=None):
    """The same by the reference in float64."""
    given = exact(given)
    weight = None if weight is None else weight.double()
    loss = reference.relation_loss(*given, pairs, none_class, weight)
    factor = torch.arange(len(loss)).double() + 0.5
    return loss, torch.autograd.grad((loss * factor).sum(), given.floats)


@on_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_scores_and_gradients_are_the_reference_s(backend, sizes, dtype):
    given = rounded(operands(*sizes), dtype)
    wanted = exact(given)
    expected = reference.relation_scores(*wanted)
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2)).to(given.alpha)
    moved = backend.move(list(given))

    def work():
        scores = backend.op("relation_scores")(*moved)
        found = backend.op("relation_scores_backward")(backend.move(grad), *moved, 0)
        return [scores, *found]

    scores, *found = backend.every_order(work)
    assert scores.dtype == given.alpha.dtype
    assert relative_distance(scores.cpu(), expected) < limit(dtype, terms_of(sizes))
    gradients = torch.autograd.grad(expected, wanted.floats, grad.double())
    for ours, exactly, operand in zip(found, gradients, given.floats, strict=True):
        assert ours.dtype == operand.dtype
        assert relative_distance(ours.cpu(), exactly) < gradient_limit(dtype, terms_of(sizes))


@on_backends
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES)
def test_loss_and_gradients_are_the_reference_s(backend, sizes, dtype):
    given = rounded(operands(*sizes), dtype)
    pairs = gold_pairs(given, 10)
    weight = torch.linspace(0.5, 2.0, sizes[2], dtype=given.alpha.dtype)
    found = loss_on(backend, given, pairs, sizes[2] - 1, weight)
    loss, gradients = expected_loss(given, pairs, sizes[2] - 1, weight)
    assert relative_distance(found.loss, loss) < limit(dtype, terms_of(sizes))
    for ours, exactly, operand in zip(found.gradients, gradients, given.floats, strict=True):
        assert ours.dtype == operand.dtype
        assert relative_distance(ours, exactly) < gradient_limit(dtype, terms_of(sizes))
    no_gradients = backend.op("relation_loss")(
        *backend.move([*given, pairs]), sizes[2] - 1, backend.move(weight), False, 0
    )
    assert torch.equal(no_gradients[0].cpu(), found.loss)
    assert [t.numel() for t in no_gradients[1:]] == [0, 0, 0]


@on_backends
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_errors_are_at_most_twice_those_of_plain_torch(backend, dtype):
    given = rounded(operands([70, 3], [130, 40], 3, 72), dtype).trainable()
    pairs = gold_pairs(given, 10)
    loss, gradients = expected_loss(given, pairs)
    plain = reference.relation_loss(*given, pairs, 0)
    factor = torch.arange(2) + 0.5
    plainly = torch.autograd.grad((plain * factor).sum(), given.floats)
    found = loss_on(backend, Operands(*(t.detach() for t in given)), pairs)
    everything = zip(
        (found.loss, *found.gradients), (plain, *plainly), (loss, *gradients), strict=True
    )
    for ours, theirs, exactly in everything:
        allowed = max(2 * relative_distance(theirs, exactly), EPS)
        assert relative_distance(ours, exactly) < allowed


@on_backends
def test_hundreds_of_tiny_documents_are_each_their_own(backend):
    counts = torch.randint(0, 4, (2, 300), generator=torch.Generator().manual_seed(4)).tolist()
    given = operands(*counts, 2, 3, torch.float32)
    pairs = gold_pairs(given, 1)
    found = loss_on(backend, given, pairs)
    loss, gradients = expected_loss(given, pairs)
    assert relative_distance(found.loss, loss) < limit(torch.float32, 3)
    for ours, exactly in zip(found.gradients, gradients, strict=True):
        assert relative_distance(ours, exactly) < limit(torch.float32, 3)


@on_backends
@pytest.mark.parametrize("dtype", DTYPES)
def test_rounds_and_packing_change_no_bit(backend, dtype):
    sizes = ([66, 0, 5, 70], [100, 5, 0, 65], 2, 16)
    given = rounded(operands(*sizes), dtype)
    pairs = gold_pairs(given, 6)
    at_once = loss_on(backend, given, pairs)
    for workspace in (1, 40_000):  # a tile at a time; a few
        in_rounds = loss_on(backend, given, pairs, workspace=workspace)
        assert torch.equal(in_rounds.loss, at_once.loss)
        assert all(map(torch.equal, in_rounds.kept, at_once.kept))
    for b in (0, 2, 3):
        alone = given.document(b)
        inside = (pairs[:, 0] >= given.cu_w[b]) & (pairs[:, 0] < given.cu_w[b + 1])
        first = torch.tensor([given.cu_w[b], given.cu_u[b], 0])
        found = loss_on(backend, alone, pairs[inside] - first)
        assert torch.equal(found.loss[0], at_once.loss[b])
        grad_u, grad_w, coefficients = at_once.kept
        assert torch.equal(found.kept[0], grad_u[given.cu_u[b] : given.cu_u[b + 1]])
        assert torch.equal(found.kept[1], grad_w[given.cu_w[b] : given.cu_w[b + 1]])
        assert torch.equal(found.kept[2][0], coefficients[b])


@on_backends
def test_score_gradients_in_rounds_change_no_bit(backend):
    given = operands([66, 5], [100, 70], 2, 10, torch.float32)
    moved = backend.move(list(given))
    scores = backend.op("relation_scores")(*moved)
    at_once = backend.op("relation_scores_backward")(scores, *moved, 0)
    in_rounds = backend.op("relation_scores_backward")(scores, *moved, 1)
    assert all(map(torch.equal, in_rounds, at_once))


@on_backends
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_lies_beyond_the_last_document_does_not_leak(backend, dtype):
    given = rounded(operands([5, 0, 3], [4, 2, 6], 3, 16), dtype)
    pairs = gold_pairs(given, 3)

    def padded(rows, count):
        return torch.cat([rows, torch.full_like(rows[:1], float("nan")).expand(count, -1, -1)])

    with_room = given._replace(
        u=padded(given.u, 70),
        w=padded(given.w, 9),
        pos_u=torch.cat([given.pos_u, torch.full((70,), -1)]),
        pos_w=torch.cat([given.pos_w, torch.full((9,), -1)]),
    )
    found, expected = (loss_on(backend, each, pairs) for each in (with_room, given))
    assert torch.equal(found.loss, expected.loss)
    for ours, wanted in zip(found.gradients, expected.gradients, strict=True):
        assert torch.equal(ours[: len(wanted)], wanted)
        assert not ours[len(wanted) :].any()
    moved = backend.move(list(with_room))
    scores = backend.op("relation_scores")(*moved)
    assert torch.equal(scores, backend.op("relation_scores")(*backend.move(list(given))))
    grad_u, grad_w, *_ = backend.op("relation_scores_backward")(scores, *moved, 0)
    assert not grad_u[12:].any()
    assert not grad_w[8:].any()
    decoded = backend.op("relation_decode")(*moved, 0, 0.0, False, None, None, None)
    alone = backend.op("relation_decode")(
        *backend.move(list(given)), 0, 0.0, False, None, None, None
    )
    assert all(map(torch.equal, decoded, alone))


@on_backends
@pytest.mark.parametrize(
    ("heads", "tails"), [([], []), ([0], [0]), ([3], [0]), ([0, 0], [2, 1]), ([0, 3], [2, 0])]
)
def test_documents_without_pairs_cost_nothing(backend, heads, tails):
    given = operands(heads, tails, 3, 2, torch.float32)
    found = loss_on(backend, given, NO_PAIRS)
    assert found.loss.tolist() == [0.0] * len(heads)
    assert not any(gradient.any() for gradient in found.gradients)
    moved = backend.move(list(given))
    assert backend.op("relation_scores")(*moved).shape == (0, 3)
    for best_tail in (False, True):
        settings = (0, 0.0, best_tail, None, None, None)
        assert [len(t) for t in backend.op("relation_decode")(*moved, *settings)] == [0] * 4


@on_backends
def test_the_last_listing_counts_and_padding_does_not(backend):
    given = operands([70], [80], 4, 5)
    repeated = torch.tensor(
        [[1, 72, 3], [0, 1, 2], [1, 72, 2], [1, 72, 1], [-1, 2, 3], [1, -1, 99], [-1, -1, -1]]
    )
    found, expected = (loss_on(backend, given, each) for each in (repeated, repeated[[1, 3]]))
    assert torch.equal(found.loss, expected.loss)
    assert all(map(torch.equal, found.gradients, expected.gradients))
    assert relative_distance(found.loss, expected_loss(given, repeated[[1, 3]])[0]) < 1e-12


@on_backends
@pytest.mark.parametrize(
    "pair",
    [[3, 0, 1], [-2, 0, 1], [0, 5, 1], [0, -7, 1], [0, 0, 4], [0, 0, -1], [0, 3, 1], [2, 5, 1]],
)
def test_impossible_pairs_make_the_losses_not_a_number(backend, pair):
    given = operands([2, 1], [3, 2], 4, 2)
    pairs = torch.tensor([[0, 0, 1], pair])
    found = loss_on(backend, given, pairs)
    assert found.loss.isnan().all()
    assert all(gradient.isfinite().all() for gradient in found.gradients)


@on_backends
def test_scores_that_are_not_numbers_show_in_their_document_alone(backend):
    given = operands([2, 2], [3, 40], 3, 4)
    u = given.u.clone()
    u[0, 1, 2] = float("nan")
    found = loss_on(backend, given._replace(u=u), NO_PAIRS)
    assert found.loss.isnan().tolist() == [True, False]
    grad_u, grad_w = found.kept[:2]
    assert grad_w[:2].isnan().any()
    assert not grad_u[3:].isnan().any()
    assert not grad_w[2:].isnan().any()


@on_backends
@pytest.mark.parametrize("distance", [15_000, 100_000, 2**31 + 1])
def test_distances_do_not_overflow(backend, distance):
    given = operands([1], [1], 1, 1, torch.float32)._replace(
        pos_u=torch.tensor([distance]), pos_w=torch.tensor([0])
    )
    scores = backend.op("relation_scores")(*backend.move(list(given))).cpu()
    assert relative_distance(scores, reference.relation_scores(*exact(given))) < 4 * EPS


@on_backends
def test_rows_that_are_not_aligned_give_what_their_copies_give(backend):
    given = operands([9], [12], 3, 16, torch.float32)
    moved = Operands(*backend.move(list(given)))
    storage = moved.u.new_empty(moved.u.numel() + 1)
    shifted = storage[1:].view_as(moved.u).copy_(moved.u)
    ours = backend.op("relation_scores")(*moved._replace(u=shifted))
    assert torch.equal(ours, backend.op("relation_scores")(*moved))


class Loss(torch.autograd.Function):
    """The raw operators of a backend, differentiable."""

    @staticmethod
    def forward(ctx, backend, given, pairs, *floats):
        u, w, alpha, beta, gamma = (t.detach() for t in floats)
        given = given._replace(u=u, w=w, alpha=alpha, beta=beta, gamma=gamma)
        loss, *kept = backend.op("relation_loss")(*given, pairs, 0, None, True, 0)
        ctx.backend, ctx.given = backend, given
        ctx.save_for_backward(*kept)
        return loss

    @staticmethod
    def backward(ctx, grad):
        u, w, coefficients = ctx.backend.op("relation_loss_backward")(
            grad, *ctx.saved_tensors, ctx.given.cu_u, ctx.given.cu_w, ctx.given.u.dtype
        )
        return None, None, None, u, w, *coefficients.unbind(0)


@on_backends
def test_gradients_are_those_of_finite_differences(backend):
    given = operands([2, 0, 3], [3, 1, 2], 3, 3, span=5)
    given, pairs = Operands(*backend.move(list(given))), backend.move(gold_pairs(given, 2))
    floats = given.trainable().floats
    assert torch.autograd.gradcheck(lambda *x: Loss.apply(backend, given, pairs, *x), floats)


# ---------------------------------------------------------------- decoding


def decode_on(backend, given, *settings):
    moved = backend.move([*given, *settings])
    found = backend.every_order(lambda: list(backend.op("relation_decode")(*moved)))
    return [t.cpu() for t in found]


@on_backends
@pytest.mark.parametrize("best_tail", [False, True])
@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        ([1], [1], 1, 1),
        ([3, 0, 5, 2], [4, 2, 0, 9], 4, 5),
        ([70, 4], [130, 6], 3, 20),  # several tiles each way
        ([34], [70], 13, 8),
        ([3, 4], [5, 2], 200, 4),
    ],
)
def test_any_batch_decodes_like_the_reference(backend, sizes, restricted, best_tail):
    given = operands(*sizes)
    rule = (None, None, None)
    if restricted:
        generator = torch.Generator().manual_seed(3)
        rule = (
            torch.rand(3, 3, sizes[2], generator=generator) < 0.5,
            torch.randint(0, 3, (sum(sizes[0]),), generator=generator),
            torch.randint(0, 3, (sum(sizes[1]),), generator=generator),
        )
    settings = (sizes[2] - 1, 1.0, best_tail, *rule)
    ours = decode_on(backend, given, *settings)
    expected = reference.relation_decode(*given, *settings)
    assert all(map(torch.equal, ours[:3], expected[:3]))
    assert torch.allclose(ours[3], expected[3], rtol=1e-12, atol=0)
    assert len(ours[0]) > 0 or sizes[2] == 1


@on_backends
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_probabilities_are_float32_and_as_close_as_their_scores(backend, dtype):
    given = rounded(operands([20, 4], [30, 6], 3, 20), dtype)
    settings = (0, 0.0, False, None, None, None)
    ours = decode_on(backend, given, *settings)
    # A few of these random pairs may be too close to call.
    expected = reference.relation_decode(*given.to(torch.float64), *settings)
    common, found = (
        {(i, j, r): p for i, j, r, p in zip(*(t.tolist() for t in each), strict=True)}
        for each in (expected, ours)
    )
    assert len(common.keys() ^ found.keys()) <= 2
    assert ours[3].dtype == torch.float32
    for key in common.keys() & found.keys():
        assert found[key] == pytest.approx(common[key], rel=2e-5)


@on_backends
def test_none_wins_ties_then_the_lowest_class(backend):
    given = from_scores(torch.tensor([[[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]]]))
    settings = (0.0, False, None, None, None)
    assert len(decode_on(backend, given, 2, *settings)[0]) == 0
    assert [t.tolist() for t in decode_on(backend, given, 0, *settings)[:3]] == [[0], [0], [1]]


@on_backends
def test_best_tail_is_the_most_probable_then_the_nearest_then_the_first(backend):
    scores = torch.zeros(3, 70, 2)
    scores[:, :, 1] = -1.0
    scores[0, [3, 66], 1] = torch.tensor([2.0, 5.0])  # the one in the second tile is more probable
    scores[1, [3, 66], 1] = 4.0  # and nearer
    scores[2, [3, 66], 1] = 4.0  # both at distance 5: the first
    pos_u = list(range(70))
    pos_u[3], pos_u[66] = 10, 20
    given = from_scores(scores, pos_w=[0, 19, 15], pos_u=pos_u)
    heads, tails, *_ = decode_on(backend, given, 0, 0.0, True, None, None, None)
    assert heads.tolist() == [0, 1, 2]
    assert tails.tolist() == [66, 66, 3]


@on_backends
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("r", [0, 1, 2])
def test_pairs_without_a_probability_are_left_out(backend, value, r):
    scores = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 1.0, 2.0]]])
    scores[0, 0, r] = value
    found = decode_on(backend, from_scores(scores), 0, 0.0, False, None, None, None)
    assert [t.tolist() for t in found[:3]] == [[0], [1], [2]]


@on_backends
def test_types_that_do_not_exist_are_named(backend):
    given = operands([2], [4], 3, 2)
    types = torch.zeros(2).long(), torch.tensor([0, 0, 2, -1])
    settings = (0, 0.0, False, torch.ones(2, 2, 3).bool(), *types)
    with pytest.raises(RuntimeError, match="type_u in row 2 is not one of the types"):
        decode_on(backend, given, *settings)


# ---------------------------------------------------------------- arguments


@on_backends
def test_wrong_bounds_on_the_host_are_named(backend):
    given = operands([2, 1], [3, 2], 4, 2)
    for cu_u, message in (
        ([1, 2, 3], "cu_u must start at 0, not at 1"),
        ([0, 3, 2], "cu_u decreases from 3 to 2 at document 1"),
        ([0, 1, 9], "cu_u ends at 9, beyond the 5 rows"),
    ):
        moved = Operands(*backend.move(list(given)))
        moved = moved._replace(cu_u=torch.tensor(cu_u).int())
        for name, rest in (
            ("relation_scores", ()),
            ("relation_loss", (backend.move(NO_PAIRS), 0, None, True, 0)),
            ("relation_decode", (0, 0.0, False, None, None, None)),
        ):
            with pytest.raises(RuntimeError, match=f"{name}: {message}"):
                backend.op(name)(*moved, *rest)


@on_backends
def test_wrong_arguments_are_named(backend):
    given = Operands(*backend.move(list(rounded(operands([2], [3], 4, 2), torch.bfloat16))))
    loss = (backend.move(NO_PAIRS), 0, None, True, 0)
    for change, message in (
        ({"u": given.u.half()}, "u must be float32, float64 or bfloat16, not Half"),
        ({"w": given.w.float()}, "w must be BFloat16, not Float"),
        ({"alpha": given.alpha.bfloat16()}, "alpha must be Float, not BFloat16"),
        ({"pos_u": given.pos_u[:2]}, r"pos_u must have the shape \[3\], not \[2\]"),
        ({"cu_w": given.cu_w[:0]}, r"cu_w must have the shape \[B \+ 1\], not \[0\]"),
    ):
        with pytest.raises(RuntimeError, match=message):
            backend.op("relation_loss")(*given._replace(**change), *loss)
    for settings, message in (
        ((backend.move(NO_PAIRS), 4, None, True, 0), "none_class 4 is not one of the 4 classes"),
        ((backend.move(NO_PAIRS), 0, None, True, -1), "workspace must not be negative"),
        ((backend.move(NO_PAIRS), 0, given.alpha[:3], True, 0), r"class_weight .* shape \[4\]"),
    ):
        with pytest.raises(RuntimeError, match=message):
            backend.op("relation_loss")(*given, *settings)


# ---------------------------------------------------------------- the public functions


def test_bfloat16_operands_give_float32_losses_and_their_own_gradients():
    given = rounded(operands([5, 3], [4, 6], 3, 16), torch.bfloat16)
    given = Operands(*(t.to("meta") for t in given)).trainable()
    pairs = NO_PAIRS.to("meta")
    loss = ops.relation_loss(*given, pairs, 0)
    assert loss.dtype == torch.float32
    gradients = torch.autograd.grad(loss.sum(), given.floats)
    for gradient, operand in zip(gradients, given.floats, strict=True):
        assert (gradient.dtype, gradient.shape) == (operand.dtype, operand.shape)
    with pytest.raises(ValueError, match=r"alpha must be torch.float32, not torch.bfloat16"):
        ops.relation_loss(*given._replace(alpha=given.alpha.bfloat16()), pairs, 0)


def test_bfloat16_operands_give_float32_scores_and_probabilities(monkeypatch):
    monkeypatch.setattr(_loader, "has_kernel", lambda operator, device: True)
    given = rounded(operands([5, 3], [4, 6], 3, 16), torch.bfloat16)
    with FakeTensorMode(shape_env=ShapeEnv()):  # needs no GPU
        given = [torch.empty(t.shape, dtype=t.dtype, device="cuda:0") for t in given]
        assert ops.relation_scores(*given).dtype == torch.float32
        assert ops.relation_decode(*given, 0)[3].dtype == torch.float32


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", DTYPES)
def test_training_on_a_gpu_gives_the_reference_s_gradients(dtype):
    given = rounded(operands([70, 3], [130, 40], 3, 72), dtype)
    pairs = gold_pairs(given, 10)
    loss, gradients = expected_loss(given, pairs)
    on_gpu = Operands(*(t.cuda() for t in given)).trainable()
    found = ops.relation_loss(*on_gpu, pairs.cuda(), 0)
    assert relative_distance(found.cpu(), loss) < limit(dtype, 130)
    factor = torch.arange(2, device="cuda") + 0.5
    ours = torch.autograd.grad((found * factor).sum(), on_gpu.floats)
    for gradient, exactly in zip(ours, gradients, strict=True):
        assert relative_distance(gradient.cpu(), exactly) < gradient_limit(dtype, 130)


@pytest.mark.cuda
def test_a_step_neither_waits_nor_cares_what_a_graph_captured():
    given = rounded(operands([70, 3], [130, 40], 3, 72), torch.bfloat16)
    pairs = gold_pairs(given, 10).cuda()
    on_gpu = Operands(*(t.cuda() for t in given)).trainable()

    def step():
        loss = ops.relation_loss(*on_gpu, pairs, 0)
        return loss, *torch.autograd.grad(loss.sum(), on_gpu.floats)

    expected = step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(step()) == 6
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # Autograd notes for each leaf the stream that it was first used on. A capture may not depend on
    # the default one.
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    on_gpu = Operands(*(t.detach() for t in on_gpu)).trainable()
    with torch.cuda.stream(aside):
        step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    graph.replay()
    assert all(map(torch.equal, captured, expected))
    with torch.no_grad():
        on_gpu.u.mul_(0.5)
    graph.replay()
    assert all(map(torch.equal, captured, step()))


@pytest.mark.cuda
def test_wrong_bounds_on_the_device_make_losses_not_a_number_and_scores_an_error():
    given = Operands(*(t.cuda() for t in operands([2, 1], [3, 2], 4, 2)))
    wrong = given._replace(cu_u=torch.tensor([0, 9, 5]).int().cuda())
    assert ops.relation_loss(*wrong, NO_PAIRS.cuda(), 0).isnan().all()
    for function, settings in ((ops.relation_scores, ()), (ops.relation_decode, (0,))):
        with pytest.raises(RuntimeError, match="cu_u or cu_w does not start at 0"):
            function(*wrong, *settings)
