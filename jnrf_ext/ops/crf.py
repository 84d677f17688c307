"""Linear-chain conditional random fields on packed sequences.

All three start from the same tensors: the emissions, the transitions between neighbouring tags,
and the scores of starting and ending with a tag. The score of tags ``y`` of a sequence is
``start[y_0] + sum_t emissions[t, y_t] + sum_t transitions[y_(t-1), y_t] + end[y_last]``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jnrf_ext import _loader, reference

MOST_TAGS = 128
_TAGS_EVERYWHERE = 64  # that the shared memory of every GPU is enough for
_DTYPES = {"cpu": (torch.float32, torch.float64)}
_CUDA_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def crf_nll(
    emissions: Tensor,
    tags: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    cu_seqlens: Tensor,
) -> Tensor:
    """The negative log likelihood of the tags of each sequence, ``log Z - score(tags)``.

    The forward-backward algorithm gives value and gradient together, in time T C^2. It runs in
    float64, rescaled at every step, and in logarithms where rescaling is not enough, so that
    float32 emissions of any length lose nothing. Differentiable once in emissions, transitions,
    start and end; sums are in an order that does not depend on the number of threads.

    Args:
        emissions: ``[T, C]``, the scores of the tags of every step of all sequences, 1 to 128 tags;
            float32 or float64 (on CUDA also bfloat16).
        tags: int64 ``[T]``, the tags whose likelihood it is.
        transitions: ``[C, C]``, the score of going from the row's tag to the column's, in the dtype
            of ``emissions`` (float32 for bfloat16); -infinity forbids.
        start: ``[C]``, the score of starting with a tag, likewise.
        end: ``[C]``, the score of ending with a tag, likewise.
        cu_seqlens: int32 ``[B + 1]``, where each sequence starts, then T. Sequences may be empty.

    Returns:
        ``[B]`` in the dtype of ``transitions``; 0 for an empty sequence; not a number where no
        tags at all are possible.

    Raises:
        ValueError: a wrong shape, dtype or device.
        RuntimeError: a tag that is none of the C (on CUDA the result is not a number instead), or
            ``cu_seqlens`` does not start at 0, decreases, or does not end at T.

    Source: Lafferty, McCallum and Pereira (2001); Rabiner (1989), section III, for the rescaling.
    """
    op = "crf_nll"
    weights = (transitions, start, end)
    _check(op, emissions, *weights, cu_seqlens)
    if tags.shape != emissions.shape[:1] or tags.dtype != torch.int64:
        raise ValueError(
            f"{op}: tags must be int64 [{emissions.shape[0]}], not {tags.dtype} {list(tags.shape)}"
        )
    if tags.device != emissions.device:
        raise ValueError(f"{op}: emissions are on {emissions.device} but tags on {tags.device}")
    if not _has_kernel(op, emissions):
        return reference.crf_nll(emissions, tags, *weights, cu_seqlens)
    needed = torch.is_grad_enabled() and any(t.requires_grad for t in (emissions, *weights))
    return torch.ops.jnrf.crf_nll(emissions, tags, *weights, cu_seqlens, needed)[0]


def crf_marginals(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, cu_seqlens: Tensor
) -> Tensor:
    """The probability of each tag at each step, given the whole sequence.

    Arguments and errors as for `crf_nll`; ``[T, C]`` in the dtype of ``emissions``, every row of
    sum 1. Not differentiable.
    """
    op = "crf_marginals"
    given = (emissions.detach(), transitions.detach(), start.detach(), end.detach())
    _check(op, *given, cu_seqlens)
    if not _has_kernel(op, emissions):
        return reference.crf_marginals(*given, cu_seqlens)
    return torch.ops.jnrf.crf_marginals(*given, cu_seqlens)


def crf_decode(
    emissions: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    cu_seqlens: Tensor,
    allowed: tuple[Tensor, Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The most probable tags of each sequence, by the Viterbi algorithm in float64.

    Other arguments and errors as for `crf_nll`. Of equally good tags the lowest are taken, from the
    last step on; on CUDA, scores of long sequences of float32 or bfloat16 are added up in another
    order, which may decide between tags that differ by the rounding of float64. Not differentiable.

    Args:
        allowed: bool ``[C, C]``, ``[C]`` and ``[C]``: which transitions, first and last tags there
            may be (`jnrf_ext.text.tag_rules.allowed_tags` gives those of BIO and IOBES tags); None
            allows all.

    Returns:
        ``tags``, int64 ``[T]``, and ``scores [B]`` in the dtype of ``transitions``: those of the
        tags, -infinity where all tags are forbidden (the tags then mean nothing), 0 for an empty
        sequence.

    Source: Viterbi (1967).
    """
    op = "crf_decode"
    given = (emissions.detach(), transitions.detach(), start.detach(), end.detach())
    _check(op, *given, cu_seqlens)
    if allowed is not None:
        for value, mask in zip(given[1:], allowed, strict=True):
            if mask.shape != value.shape or mask.dtype != torch.bool:
                raise ValueError(
                    f"{op}: allowed must be bool of the shapes of transitions, start and end, "
                    f"not {mask.dtype} {list(mask.shape)}"
                )
        transitions, start, end = (
            value.masked_fill(~mask.to(value.device), float("-inf"))
            for value, mask in zip(given[1:], allowed, strict=True)
        )
        given = (given[0], transitions, start, end)
    if not _has_kernel(op, emissions):
        return reference.crf_decode(*given, cu_seqlens)
    return torch.ops.jnrf.crf_decode(*given, cu_seqlens)


def _has_kernel(op: str, emissions: Tensor) -> bool:
    """Whether a kernel runs for so many tags on this device; if not, that it is told."""
    device, tags = emissions.device, emissions.shape[1]
    if not _loader.has_kernel(op, device):
        _loader.warn_reference(op, device)
        return False
    if device.type != "cuda" or tags <= _TAGS_EVERYWHERE:
        return True
    available = _loader.shared_memory(device)
    if shared_memory_needed(tags) <= available:
        return True
    reason = f"its {available // 1024} KiB of shared memory are too few for {tags} tags"
    _loader.warn_reference(op, device, reason)
    return False


def shared_memory_needed(tags: int) -> int:
    """Bytes of shared memory, at most, that a block of the CUDA kernels takes for so many tags."""
    matrix, rows, flags = 8 * tags * (tags | 1), 2 * 10 * 128 * 8, 512
    return matrix + rows + flags


def _check(op, emissions, transitions, start, end, cu_seqlens) -> None:
    """Shapes, dtypes and devices; what `cu_seqlens` holds is checked where it is read."""
    if emissions.dim() != 2 or not 1 <= emissions.shape[1] <= MOST_TAGS:
        raise ValueError(
            f"{op}: emissions must be [T, C] of 1 to {MOST_TAGS} tags, not {list(emissions.shape)}"
        )
    kind = emissions.device.type
    dtypes = _DTYPES.get(kind, _CUDA_DTYPES)
    if emissions.dtype not in dtypes:
        names = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise ValueError(f"{op}: emissions must be {names} on {kind}, not {emissions.dtype}")
    tags = emissions.shape[1]
    weights = {"transitions": (transitions, (tags, tags)), "start": (start, (tags,))}
    weights["end"] = (end, (tags,))
    for name, (value, shape) in weights.items():
        if value.shape != shape:
            raise ValueError(f"{op}: {name} must be {list(shape)}, not {list(value.shape)}")
        if value.dtype != _weight_dtype(emissions):
            raise ValueError(f"{op}: emissions are {emissions.dtype} but {name} is {value.dtype}")
        if value.device != emissions.device:
            raise ValueError(
                f"{op}: emissions are on {emissions.device} but {name} on {value.device}"
            )
    if cu_seqlens.dim() != 1 or cu_seqlens.shape[0] < 1 or cu_seqlens.dtype != torch.int32:
        raise ValueError(
            f"{op}: cu_seqlens must be int32 [B + 1], not {cu_seqlens.dtype} "
            f"{list(cu_seqlens.shape)}"
        )
    if cu_seqlens.device.type not in ("cpu", kind):
        raise ValueError(
            f"{op}: emissions are on {emissions.device} but cu_seqlens on {cu_seqlens.device}"
        )


def _weight_dtype(emissions: Tensor) -> torch.dtype:
    return torch.float32 if emissions.dtype == torch.bfloat16 else emissions.dtype


# ---------------------------------------------------------------- shapes without values


@torch.library.register_fake("jnrf::crf_nll")
def _(emissions, tags, transitions, start, end, cu_seqlens, gradients):
    documents, count = cu_seqlens.shape[0] - 1, emissions.shape[1]
    return (
        transitions.new_empty(documents),
        transitions.new_empty(emissions.shape[0] if gradients else 0, count),
        transitions.new_empty(documents if gradients else 0, count, count),
        emissions.new_empty(documents + 1 if gradients else 0, dtype=torch.int32),
    )


@torch.library.register_fake("jnrf::crf_marginals")
def _(emissions, transitions, start, end, cu_seqlens):
    return emissions.new_empty(emissions.shape)


@torch.library.register_fake("jnrf::crf_decode")
def _(emissions, transitions, start, end, cu_seqlens):
    documents = cu_seqlens.shape[0] - 1
    return emissions.new_empty(emissions.shape[0], dtype=torch.int64), start.new_empty(documents)


# ---------------------------------------------------------------- gradients


def _keep_for_nll(ctx, inputs, output) -> None:
    _, *saved = output
    ctx.save_for_backward(*saved)
    ctx.mark_non_differentiable(*saved)
    ctx.set_materialize_grads(False)
    ctx.dtype = inputs[0].dtype


def _nll_backward(ctx, grad, *_):
    if grad is None:
        return (None,) * 7
    by_step, by_pair, bounds = ctx.saved_tensors
    tokens = by_step.shape[0]
    transitions = (grad[:, None, None] * by_pair).sum(0)
    if tokens == 0:
        ends = by_step.new_zeros(by_step.shape[1])
        return by_step.to(ctx.dtype), None, transitions, ends, ends.clone(), None, None
    first, last = bounds[:-1].clamp(max=tokens - 1), (bounds[1:] - 1).clamp(min=0)
    steps = torch.arange(tokens, dtype=torch.int32, device=grad.device)
    emissions = by_step * grad[torch.bucketize(steps, bounds[1:], right=True)][:, None]
    # An empty sequence has neither a first nor a last step.
    of_ends = (grad * bounds.diff().gt(0))[:, None]
    start, end = ((of_ends * by_step[rows]).sum(0) for rows in (first, last))
    return emissions.to(ctx.dtype), None, transitions, start, end, None, None


torch.library.register_autograd("jnrf::crf_nll", _nll_backward, setup_context=_keep_for_nll)
