"""Selective pooling: which tokens the relation layers look at."""

from __future__ import annotations

import torch
from torch import Tensor

from jnrf_ext import _loader, reference

_CUDA_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def select_tokens(
    labels: Tensor, role_of_label: Tensor, cu_seqlens: Tensor, capacity: int | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The tokens that may be the head or the tail of a relation, in document order.

    The shapes do not depend on the values, so that nothing waits for a device and graphs stay
    whole: unused places hold -1, and ``cu_heads[-1]`` and ``cu_tails[-1]`` say how many are used.

    Args:
        labels: int64 or int32 ``[T]``, the label of each token; or float32 or float64 ``[T, L]``
            logits (on CUDA bfloat16 too), whose largest counts (the first of equals).
        role_of_label: int32 ``[L]``: 1 head, 2 tail, 3 both, 0 neither.
        cu_seqlens: int32 ``[B + 1]``, where each document starts, then T; on the device of
            ``labels`` or on the CPU.
        capacity: places for heads and for tails; T by default. What does not fit is dropped from
            the end and not counted.

    Returns:
        ``heads`` and ``tails``, int64 ``[capacity]`` token indices; ``cu_heads`` and ``cu_tails``,
        int32 ``[B + 1]``, where the heads and tails of each document start. Not differentiable.

    Raises:
        ValueError: a wrong shape, dtype or device, or a negative capacity.
        RuntimeError: a label without a role, or ``cu_seqlens`` does not start at 0, decreases, or
            does not end at T. What lies on a CUDA device is not read by the host: there a label
            without a role, and tokens beyond ``cu_seqlens[-1]``, are not selected, and bounds that
            are wrong give bounds that are wrong, from 0 to ``capacity``.

    Source: Yazdani et al., JNRF (2022), section 3.3.
    """
    if capacity is None:
        capacity = labels.shape[0] if labels.dim() else 0
    _check(labels, role_of_label, cu_seqlens, capacity)
    if not _loader.has_kernel("select_tokens", labels.device):
        _loader.warn_reference("select_tokens", labels.device)
        return reference.select_tokens(labels, role_of_label, cu_seqlens, capacity)
    return torch.ops.jnrf.select_tokens(labels.detach(), role_of_label, cu_seqlens, capacity)


def _check(labels: Tensor, role_of_label: Tensor, cu_seqlens: Tensor, capacity: int) -> None:
    op = "select_tokens"
    if labels.dim() not in (1, 2):
        raise ValueError(f"{op}: labels must be [T] or [T, L], not {list(labels.shape)}")
    integral = (torch.int64, torch.int32)
    floating = (torch.float32, torch.float64) if labels.device.type == "cpu" else _CUDA_DTYPES
    if labels.dtype not in (integral if labels.dim() == 1 else floating):
        kind = "labels [T] must be int64 or int32" if labels.dim() == 1 else "logits must be float"
        raise ValueError(f"{op}: {kind}, not {labels.dtype}")
    for name, value in (("role_of_label", role_of_label), ("cu_seqlens", cu_seqlens)):
        if value.dim() != 1 or value.dtype != torch.int32:
            raise ValueError(
                f"{op}: {name} must be int32 of one dimension, not {value.dtype} "
                f"{list(value.shape)}"
            )
    if labels.dim() == 2 and labels.shape[1] != role_of_label.shape[0]:
        raise ValueError(
            f"{op}: {labels.shape[1]} logits a token but {role_of_label.shape[0]} roles"
        )
    if role_of_label.device != labels.device:
        raise ValueError(
            f"{op}: labels are on {labels.device} but role_of_label on {role_of_label.device}"
        )
    if cu_seqlens.shape[0] < 1:
        raise ValueError(f"{op}: cu_seqlens must be [B + 1], not [0]")
    if cu_seqlens.device.type not in ("cpu", labels.device.type):
        raise ValueError(
            f"{op}: labels are on {labels.device} but cu_seqlens on {cu_seqlens.device}"
        )
    if capacity < 0:
        raise ValueError(f"{op}: capacity must not be negative, but is {capacity}")


@torch.library.register_fake("jnrf::select_tokens")
def _(labels, role_of_label, cu_seqlens, capacity):
    places, bounds = (capacity,), cu_seqlens.shape
    return (
        labels.new_empty(places, dtype=torch.int64),
        labels.new_empty(places, dtype=torch.int64),
        labels.new_empty(bounds, dtype=torch.int32),
        labels.new_empty(bounds, dtype=torch.int32),
    )
