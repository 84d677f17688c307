"""Linear layers whose weights are cast together under autocast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Linear):
    """torch's own, but that `cast_together` may lend it narrower copies of its weights."""

    lent: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features] -> [..., out_features]``."""
        return functional.linear(x, *(self.lent or (self.weight, self.bias)))


@contextmanager
def cast_together(model: nn.Module, device_type: str) -> Iterator[None]:
    """Under autocast, cast the weights of all `Linear` layers at once.

    Autocast casts each weight and bias by itself, and each of their gradients: a hundred small
    kernels a step, which cost a GPU's host more time than the matrix products take. Here they are
    a few, with the same numbers. Without autocast nothing is cast.
    """
    linears = []
    if torch.is_autocast_enabled(device_type):
        linears = [
            module
            for module in model.modules()
            if isinstance(module, Linear)
            and module.weight.dtype == torch.float32
            and module.bias is not None
        ]
    if not linears:
        yield
        return
    weights = [weight for linear in linears for weight in (linear.weight, linear.bias)]
    copies = _Cast.apply(torch.get_autocast_dtype(device_type), *weights)
    try:
        for linear, *lent in zip(linears, copies[::2], copies[1::2], strict=True):
            # Modules look at what they are given, which takes longer than giving it.
            object.__setattr__(linear, "lent", tuple(lent))
        yield
    finally:
        for linear in linears:
            object.__setattr__(linear, "lent", None)


class _Cast(torch.autograd.Function):
    """Casts tensors, and their gradients back."""

    @staticmethod
    def forward(ctx, dtype, *tensors):
        ctx.dtype = tensors[0].dtype
        ctx.set_materialize_grads(False)
        return tuple(_copies(tensors, dtype))

    @staticmethod
    def backward(ctx, *grads):
        wide = iter(_copies([grad for grad in grads if grad is not None], ctx.dtype))
        return None, *(None if grad is None else next(wide) for grad in grads)


def _copies(tensors, dtype: torch.dtype) -> list[Tensor]:
    copies = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    if copies:
        torch._foreach_copy_(copies, tensors)
    return copies
