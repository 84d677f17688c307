"""Scaled dot-product attention as it is fastest in training on a CPU.

torch's fused attention has a backward there that takes up to ten times as long as plain products
for short windows, and longer in bfloat16 than in float32 for long ones. Measured on one core of a
Xeon with AMX, 12 heads of 32, forward and backward in ms: 30 windows of 32, 25 fused and 3 plain;
8 of 128, 29 and 8; 12 of 256, 65 fused in bfloat16 and 47 in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

#: Keys up to which plain products are faster.
SHORT = 160

_fused = functional.scaled_dot_product_attention


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """What `torch.nn.functional.scaled_dot_product_attention` computes, with its arguments."""
    if dropout_p or is_causal or enable_gqa:
        operands = (query, key, value, attn_mask)
        return _fused(*operands, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
    if key.shape[-2] > SHORT:
        q, k, v = (t.float() if t.dtype == torch.bfloat16 else t for t in (query, key, value))
        if attn_mask is not None and attn_mask.dtype == torch.bfloat16:
            attn_mask = attn_mask.float()
        return _fused(q, k, v, attn_mask, scale=scale).to(query.dtype)
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query * factor) @ key.transpose(-1, -2)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype) @ value


class FastAttention(TorchFunctionMode):
    """While entered, models that call torch's attention get :func:`attention`."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is _fused:
            function = attention
        return function(*args, **(kwargs or {}))
