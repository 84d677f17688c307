"""Attention for training on a CPU computes what torch's does."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from jnrf_ext.nn.attention import SHORT, FastAttention, attention


def operands(keys: int, dtype=torch.float32):
    generator = torch.Generator().manual_seed(keys)
    drawn = (torch.randn(3, 2, keys, 8, generator=generator) for _ in range(3))
    return [t.to(dtype).requires_grad_() for t in drawn]


def masks(keys: int):
    """Some keys at the end are padding, as a mask of booleans and as one to be added."""
    allowed = torch.ones(3, 1, 1, keys, dtype=torch.bool)
    allowed[1, ..., keys // 2 :] = False
    added = torch.zeros(allowed.shape).masked_fill(~allowed, float("-inf"))
    return {"none": None, "boolean": allowed, "added": added}


@pytest.mark.parametrize("kind", ["none", "boolean", "added"])
@pytest.mark.parametrize("keys", [1, 7, SHORT, SHORT + 1])
def test_values_and_gradients_are_those_of_torch(keys, kind):
    mask = masks(keys)[kind] if keys > 1 else None
    results = []
    for function in (attention, functional.scaled_dot_product_attention):
        given = operands(keys)
        output = function(*given, attn_mask=mask)
        results.append([output, *torch.autograd.grad(output.square().sum(), given)])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("keys", [16, SHORT + 1])
def test_bfloat16_errs_no_more_than_twice_as_much_as_torch_does(keys):
    exact = functional.scaled_dot_product_attention(*operands(keys))
    narrow = operands(keys, torch.bfloat16)
    ours = attention(*narrow)
    theirs = functional.scaled_dot_product_attention(*narrow)
    assert ours.dtype == torch.bfloat16
    assert (ours - exact).norm() <= 2 * (theirs - exact).norm()


def test_a_scale_and_causal_attention_are_respected():
    query, key, value = operands(9)
    for settings in ({"scale": 0.3}, {"is_causal": True}):
        wanted = functional.scaled_dot_product_attention(query, key, value, **settings)
        torch.testing.assert_close(attention(query, key, value, **settings), wanted)


def test_models_get_it_only_within_the_mode(monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return attention(*args, **kwargs)

    monkeypatch.setattr("jnrf_ext.nn.attention.attention", counted)
    given = operands(5)
    with FastAttention():
        functional.scaled_dot_product_attention(*given)
    functional.scaled_dot_product_attention(*given)
    assert len(calls) == 1
