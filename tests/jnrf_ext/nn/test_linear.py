"""Weights cast together are those that autocast casts one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from jnrf_ext.nn.linear import Linear, cast_together


class Casts(TorchDispatchMode):
    """Counts the copies between types."""

    def __init__(self):
        super().__init__()
        self.single = self.together = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name
        self.single += name == "aten::_to_copy" and (kwargs or {}).get("dtype") is not None
        self.together += name == "aten::_foreach_copy_"
        return function(*args, **(kwargs or {}))


def tower(shared: bool = False) -> nn.Module:
    torch.manual_seed(0)
    middle = Linear(6, 6)
    parts = [Linear(4, 6), nn.GELU(), middle, nn.GELU(), middle if shared else Linear(6, 6)]
    return nn.Sequential(*parts, nn.LayerNorm(6), Linear(6, 3))


def step(model, together: bool):
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        if together:
            with cast_together(model, "cpu"):
                y = model(x)
        else:
            y = model(x)
    y.float().pow(2).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in model.parameters())]


@pytest.mark.parametrize("shared", [False, True])
def test_results_and_gradients_are_autocasts_to_the_bit(shared):
    one_by_one, together = (step(tower(shared), together) for together in (False, True))
    assert one_by_one[0].dtype == torch.bfloat16
    assert all(torch.equal(a, b) for a, b in zip(one_by_one, together, strict=True))
    assert all(grad.dtype == torch.float32 for grad in together[1:])


def test_all_weights_are_cast_in_one_go_each_way():
    with Casts() as alone:
        step(tower(), together=False)
    with Casts() as together:
        step(tower(), together=True)
    assert alone.together == 0
    assert together.together == 2
    # Four layers: weight, bias and both gradients.
    assert alone.single - together.single == 16


def test_a_layer_that_is_not_used_gets_no_gradient():
    model = tower()
    with torch.autocast("cpu", torch.bfloat16), cast_together(model, "cpu"):
        model[0](torch.ones(2, 4)).float().sum().backward()
    assert model[0].bias.grad.tolist() == [2.0] * 6
    assert model[2].weight.grad is None


def test_without_autocast_nothing_is_cast_and_copies_are_given_back():
    model = tower()
    with Casts() as casts, cast_together(model, "cpu"):
        assert model[0].lent is None
        assert model(torch.ones(2, 4)).dtype == torch.float32
    assert casts.together == 0
    with torch.autocast("cpu", torch.bfloat16), cast_together(model, "cpu"):
        assert model[0].lent[0].dtype == torch.bfloat16
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            model(torch.ones(2, 5))
    assert all(module.lent is None for module in model.modules() if isinstance(module, Linear))
