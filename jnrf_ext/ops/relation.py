"""Relation scores between selected tokens, their loss and their decoding.

All three start from the same nine tensors: the projections ``u`` of the tails and ``w`` of the
heads, their token positions, their bounds a document, and the polynomial of the distance.

On CUDA ``u`` and ``w`` may be bfloat16. Products are then summed in float32, and everything else is
float32: alpha, beta, gamma, class weights, scores, losses and probabilities. float32 and float64
are as accurate as on the CPU. All results are the same to the bit in every run, however documents
are packed. Bounds on the CPU are checked there; bounds on the device are read there, by kernels.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from jnrf_ext import _loader, reference

#: u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma
Operands: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
_CPU_DTYPES = (torch.float32, torch.float64)
_CUDA_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def relation_scores(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
) -> Tensor:
    """Score every head x tail pair of each document for every relation class.

    ``S[i, j, r] = <w[i, r], u[j, r]> + alpha[r] d^2 + beta[r] d + gamma[r]``,
    ``d = pos_w[i] - pos_u[j]``. Differentiable once in u, w, alpha, beta and gamma.
    For training `relation_loss` needs no memory for S; for prediction `relation_decode`.

    Args:
        u: ``[n_tails, R, D]``, the projected tails of all documents; float32 or float64, on CUDA
            also bfloat16.
        w: ``[n_heads, R, D]``, the projected heads, in the dtype of ``u``.
        pos_u: int64 ``[n_tails]``, token positions of the tails; within +-2^53.
        pos_w: int64 ``[n_heads]``, token positions of the heads, counted alike.
        cu_u: int32 ``[B + 1]``, where the tails of each document start in ``u``. Rows beyond
            ``cu_u[-1]`` take no part (the unused places of `select_tokens`).
        cu_w: int32 ``[B + 1]``, likewise for the heads in ``w``.
        alpha: ``[R]``, coefficients of the squared distance, in the dtype of ``u``, float32 beside
            bfloat16.
        beta: ``[R]``, of the distance.
        gamma: ``[R]``, constants.

    Returns:
        ``[sum over b of heads_b * tails_b, R]`` in the dtype of ``alpha``: the documents one after
        another, the pairs of each ordered by head, then tail. On CUDA the host waits for their
        number.

    Raises:
        ValueError: a wrong shape, dtype or device.
        RuntimeError: ``cu_u`` or ``cu_w`` does not start at 0, decreases, or ends beyond its rows.

    Source: Yazdani et al., JNRF (2022), section 3.3.
    """
    operands = (u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma)
    _check("relation_scores", *operands)
    if not _loader.has_kernel("relation_scores", u.device):
        _loader.warn_reference("relation_scores", u.device)
        return reference.relation_scores(*operands)
    return torch.ops.jnrf.relation_scores(*operands)


def relation_loss(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
    pairs: Tensor,
    none_class: int,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the relation scores of each document, from sparse gold pairs.

    The sum over all head x tail pairs of ``class_weight[y] * cross_entropy(S[i, j], y)``, where y
    is ``none_class`` unless ``pairs`` lists the pair. The scores (see `relation_scores`) live only
    tile by tile, and there is no dense target. Where gradients are needed the forward makes them
    too, in memory of the size of ``u`` and ``w``; the backward only scales them. Sums over pairs
    are in an order that does not depend on the number of threads; those of the loss and of the
    gradients of alpha, beta and gamma are float64. Differentiable once in u, w, alpha, beta, gamma.

    Args:
        u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma: as for `relation_scores`.
        pairs: int64 ``[P, 3]``: row in ``w``, row in ``u``, class. Of several listings of one pair
            the last counts. A listing with row -1 (a mention that was not selected) is ignored.
        none_class: the class of all pairs that are not listed.
        class_weight: ``[R]`` in the dtype of ``alpha``, or None for 1. Not differentiable.

    Returns:
        ``[B]`` in the dtype of ``alpha``; 0 for a document without heads or without tails. On CUDA
        nothing waits and the call can be captured in a graph; what the CPU raises a RuntimeError
        for makes all losses NaN there: an impossible pair, or bounds on the device that are wrong.

    Raises:
        ValueError: a wrong shape, dtype or device, or ``none_class`` not below R.
        RuntimeError: as for `relation_scores`; or a listed pair whose row or class does not exist,
            or whose rows are of two documents (the message names it).

    Source: Yazdani et al., JNRF (2022), section 3.3.
    """
    op = "relation_loss"
    operands = (u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma)
    _check(op, *operands)
    _check_tensor(op, "pairs", pairs, (None, 3), torch.int64, u)
    _check_none_class(op, none_class, u)
    if class_weight is not None:
        _check_tensor(op, "class_weight", class_weight, (u.shape[1],), _wide(u), u)
        class_weight = class_weight.detach()
    if not _loader.has_kernel(op, u.device):
        _loader.warn_reference(op, u.device)
        return reference.relation_loss(*operands, pairs, none_class, class_weight)
    differentiable = (u, w, alpha, beta, gamma)
    gradients = torch.is_grad_enabled() and any(t.requires_grad for t in differentiable)
    return torch.ops.jnrf.relation_loss(*operands, pairs, none_class, class_weight, gradients)[0]


def relation_decode(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
    none_class: int,
    none_bias: float = 0.0,
    best_tail: bool = False,
    allowed: Tensor | None = None,
    type_w: Tensor | None = None,
    type_u: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pairs of each document whose best relation class is not none.

    The best class is that of the largest score (see `relation_scores`) among the allowed ones,
    after ``none_bias`` was added to none's; none wins ties, then the lowest class. The scores are
    never stored. A pair with a score that is not a number, or infinite, is left out.
    Not differentiable.

    Args:
        u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma: as for `relation_scores`.
        none_class: the class that means "no relation"; always allowed.
        none_bias: added to the score of none; positive values give fewer, surer pairs.
        best_tail: keep only one tail a head: the most probable, of equals the nearest, then first.
        allowed: bool ``[n_types, n_types, R]``: whether a head of the first type and a tail of the
            second may have the class. With ``type_w`` and ``type_u``, or all three None.
        type_w: int64 ``[n_heads]``, types of the heads.
        type_u: int64 ``[n_tails]``, types of the tails.

    Returns:
        ``head_rows``, ``tail_rows`` and ``classes``, int64 ``[K]``, ordered by head, then tail:
        rows in ``w`` and ``u``; and ``probabilities [K]`` in the dtype of ``alpha``, the softmax
        over the allowed classes. On CUDA the host waits for their number.

    Raises:
        ValueError: a wrong shape, dtype or device, or ``none_class`` not below R.
        RuntimeError: as for `relation_scores`; or a type that ``allowed`` does not have.

    Source: Yazdani et al., JNRF (2022), section 3.3; the rules for pairs are ours.
    """
    op = "relation_decode"
    operands = (
        *(u.detach(), w.detach(), pos_u.detach(), pos_w.detach(), cu_u.detach(), cu_w.detach()),
        *(alpha.detach(), beta.detach(), gamma.detach()),
    )
    _check(op, *operands)
    _check_none_class(op, none_class, u)
    if allowed is not None and type_w is not None and type_u is not None:
        types = allowed.shape[0] if allowed.dim() else 0
        _check_tensor(op, "allowed", allowed, (types, types, u.shape[1]), torch.bool, u)
        _check_tensor(op, "type_w", type_w, (w.shape[0],), torch.int64, u)
        _check_tensor(op, "type_u", type_u, (u.shape[0],), torch.int64, u)
    elif not (allowed is type_w is type_u is None):
        raise ValueError(f"{op}: allowed, type_w and type_u belong together; give all or none")
    settings = (none_class, none_bias, best_tail, allowed, type_w, type_u)
    if not _loader.has_kernel(op, u.device):
        _loader.warn_reference(op, u.device)
        return reference.relation_decode(*operands, *settings)
    return torch.ops.jnrf.relation_decode(*operands, *settings)


def _check(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma) -> None:
    """Shapes, dtypes and devices; what the bounds hold is checked where they are read."""
    if u.dim() != 3 or u.shape[1] < 1 or u.shape[2] < 1:
        raise ValueError(f"{op}: u must be [n_tails, R, D], R and D at least 1, not {_shape(u)}")
    kind = u.device.type
    dtypes = _CPU_DTYPES if kind == "cpu" else _CUDA_DTYPES
    if u.dtype not in dtypes:
        names = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise ValueError(f"{op}: u must be {names} on {kind}, not {u.dtype}")
    tails, classes, size = u.shape
    _check_tensor(op, "w", w, (None, classes, size), u.dtype, u)
    _check_tensor(op, "pos_u", pos_u, (tails,), torch.int64, u)
    _check_tensor(op, "pos_w", pos_w, (w.shape[0],), torch.int64, u)
    for name, value in (("cu_u", cu_u), ("cu_w", cu_w)):
        on_host = value.device.type == "cpu"
        _check_tensor(op, name, value, (None,), torch.int32, value if on_host else u)
        if value.shape[0] < 1:
            raise ValueError(f"{op}: {name} must be [B + 1], not [0]")
    if cu_u.shape != cu_w.shape:
        raise ValueError(f"{op}: cu_u is {_shape(cu_u)} but cu_w {_shape(cu_w)}")
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        _check_tensor(op, name, value, (classes,), _wide(u), u)


def _wide(u: Tensor) -> torch.dtype:
    """The dtype of the coefficients and of the results."""
    return torch.float32 if u.dtype == torch.bfloat16 else u.dtype


def _check_tensor(op, name, value: Tensor, shape, dtype, like: Tensor) -> None:
    """``value`` must have this shape (None: any size) and dtype, on the device of ``like``."""
    fits = value.dim() == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{op}: {name} must be [{wanted}], not {_shape(value)}")
    if value.dtype != dtype:
        raise ValueError(f"{op}: {name} must be {dtype}, not {value.dtype}")
    if value.device != like.device:
        raise ValueError(f"{op}: u is on {like.device} but {name} on {value.device}")


def _check_none_class(op: str, none_class: int, u: Tensor) -> None:
    if not 0 <= none_class < u.shape[1]:
        raise ValueError(f"{op}: none_class {none_class} is not one of the {u.shape[1]} classes")


def _shape(tensor: Tensor) -> list[int]:
    return list(tensor.shape)


# ---------------------------------------------------------------- shapes without values


@torch.library.register_fake("jnrf::relation_scores")
def _(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma):
    pairs = torch.library.get_ctx().new_dynamic_size()
    return alpha.new_empty(pairs, u.shape[1])


@torch.library.register_fake("jnrf::relation_scores_backward")
def _(grad, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma, workspace=0):
    return tuple(t.new_empty(t.shape) for t in (u, w, alpha, beta, gamma))


@torch.library.register_fake("jnrf::relation_loss")
def _(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma, pairs, none_class, class_weight, *rest):
    documents, gradients = cu_u.shape[0] - 1, rest[0]
    return (
        alpha.new_empty(documents),
        alpha.new_empty(u.shape if gradients else (0,)),
        alpha.new_empty(w.shape if gradients else (0,)),
        alpha.new_empty((documents if gradients else 0, 3, u.shape[1]), dtype=torch.float64),
    )


@torch.library.register_fake("jnrf::relation_loss_backward")
def _(grad, grad_u, grad_w, grad_coefficients, cu_u, cu_w, dtype):
    coefficients = grad_u.new_empty(3, grad_u.shape[1])
    rows = (grad_u, grad_w)
    return *(t.new_empty(t.shape, dtype=dtype) for t in rows), coefficients


@torch.library.register_fake("jnrf::relation_decode")
def _(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma, *settings):
    found = torch.library.get_ctx().new_dynamic_size()
    rows = [u.new_empty(found, dtype=torch.int64) for _ in range(3)]
    return rows[0], rows[1], rows[2], alpha.new_empty(found)


# ---------------------------------------------------------------- gradients


def _keep_for_scores(ctx, inputs, output) -> None:
    ctx.save_for_backward(*inputs)


def _scores_backward(ctx, grad):
    grads = torch.ops.jnrf.relation_scores_backward(grad, *ctx.saved_tensors)
    grad_u, grad_w, grad_alpha, grad_beta, grad_gamma = grads
    return grad_u, grad_w, None, None, None, None, grad_alpha, grad_beta, grad_gamma


def _keep_for_loss(ctx, inputs, output) -> None:
    u, _, _, _, cu_u, cu_w, *_ = inputs
    ctx.dtype, ctx.inputs = u.dtype, len(inputs)
    _, grad_u, grad_w, grad_coefficients = output
    ctx.save_for_backward(grad_u, grad_w, grad_coefficients, cu_u, cu_w)
    ctx.mark_non_differentiable(grad_u, grad_w, grad_coefficients)
    ctx.set_materialize_grads(False)


def _loss_backward(ctx, grad, *_):
    if grad is None:
        return (None,) * ctx.inputs
    unscaled_u, unscaled_w, coefficients, cu_u, cu_w = ctx.saved_tensors
    grad_u, grad_w, scaled = torch.ops.jnrf.relation_loss_backward(
        grad, unscaled_u, unscaled_w, coefficients, cu_u, cu_w, ctx.dtype
    )
    return grad_u, grad_w, None, None, None, None, *scaled.unbind(0), *(None,) * (ctx.inputs - 9)


def _no_second_derivative(ctx, *grads):
    raise NotImplementedError(
        "relation_scores and relation_loss have no second derivative; "
        "use jnrf_ext.reference for one"
    )


torch.library.register_autograd(
    "jnrf::relation_scores", _scores_backward, setup_context=_keep_for_scores
)
torch.library.register_autograd("jnrf::relation_loss", _loss_backward, setup_context=_keep_for_loss)
for _name in ("relation_scores_backward", "relation_loss_backward"):
    torch.library.register_autograd(f"jnrf::{_name}", _no_second_derivative)
