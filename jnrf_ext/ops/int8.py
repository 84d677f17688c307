"""Linear layers with int8 weights, for prediction on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from jnrf_ext import _loader, reference

_COMPILED = _loader.compiled_devices("int8_layers")
#: Activations by the number that the operator knows them by.
_ACTIVATIONS = ("none", "gelu", "celu")


_ISAS = ("baseline", "avx2", "avx512", "avxvnni", "avx512vnni", "amx")


def int8_isa() -> str:
    """The instruction set of the int8 kernels that run on this machine.

    One of baseline, avx2, avx512, avxvnni, avx512vnni, amx; the last three multiply bytes, several
    times as fast as float32. The environment variable JNRF_CPU_ISA lowers it.
    """
    return _ISAS[torch.ops.jnrf.int8_isa()]


class Int8Weights(NamedTuple):
    """A linear layer's weights for :func:`int8_layers`.

    ``packed`` uint8 ``[bytes]`` is laid out for the kernels of this machine, so nothing to be
    saved; ``columns`` float32 ``[3, N]`` has each output's scale, the sum of its weights as they
    were rounded, and its bias.
    """

    packed: Tensor
    columns: Tensor


def int8_weights(weight: Tensor, bias: Tensor | None = None) -> Int8Weights:
    """Round a linear layer's weights to int8, symmetrically, with a scale for each output.

    Args:
        weight: floating point ``[N, K]`` on the CPU, finite, K at most 65,536.
        bias: floating point ``[N]``; none is zeros.

    Returns:
        The weights as :func:`int8_layers` takes them.

    Raises:
        ValueError: a wrong shape, dtype or device, or a weight that is not finite.
    """
    op = "int8_weights"
    if weight.dim() != 2 or not weight.is_floating_point() or weight.device.type != "cpu":
        raise ValueError(
            f"{op}: weight must be floating point [N, K] on the CPU, not {weight.dtype} "
            f"{list(weight.shape)} on {weight.device}"
        )
    if not 1 <= weight.shape[1] <= 65_536 or weight.shape[0] < 1:
        raise ValueError(
            f"{op}: weight must have 1 to 65,536 inputs and an output, not {list(weight.shape)}"
        )
    if bias is not None and (bias.shape != weight.shape[:1] or bias.device != weight.device):
        raise ValueError(
            f"{op}: bias must be [{weight.shape[0]}] on the CPU, not {list(bias.shape)} on "
            f"{bias.device}"
        )
    quantised, scale = reference.int8_round(weight)
    if not scale.isfinite().all():
        raise ValueError(f"{op}: weight has numbers that are not finite")
    offset = scale * quantised.sum(1)
    bias = torch.zeros_like(scale) if bias is None else bias.detach().float()
    columns = torch.stack([scale, offset, bias])
    return Int8Weights(torch.ops.jnrf.int8_pack(quantised), columns)


def int8_layers(
    x: Tensor,
    layers: Sequence[Int8Weights],
    activation: str = "none",
    activate_last: bool = False,
    residual: Tensor | None = None,
    norm: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Linear layers one after another, activations, a residual and LayerNorm in one go.

    The inputs of each layer become integers of 8 bits on the way, each row by its own smallest and
    largest number; products are summed exactly, and everything else is float32. A row's result
    does not depend on the rows beside it, nor on the number of threads.

    Args:
        x: float32 ``[T, K]`` on the CPU.
        layers: at least one, each with as many inputs as the one before it has outputs.
        activation: "none", "gelu" (exact, by the error function) or "celu", after each layer but
            the last, and after that too with ``activate_last``.
        residual: float32 ``[T, N]``, added to the last layer's result; None: nothing.
        norm: weight and bias, float32 ``[N]`` each, of a LayerNorm that follows, with ``eps``.

    Returns:
        float32 ``[T, N]``. Not differentiable. A row with a number that is not finite becomes NaN.

    Raises:
        ValueError: an unknown activation, or a device other than the CPU.
        RuntimeError: wrong shapes or dtypes, or weights that were packed on another machine.
    """
    if activation not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise ValueError(f"int8_layers: activation must be one of {known}, not {activation!r}")
    if x.device.type not in _COMPILED:
        raise ValueError(f"int8_layers: x must be on the CPU, not on {x.device}")
    packed, columns = [layer.packed for layer in layers], [layer.columns for layer in layers]
    weight, bias = norm or (None, None)
    number = _ACTIVATIONS.index(activation)
    return torch.ops.jnrf.int8_layers(
        x.detach(), packed, columns, number, activate_last, residual, weight, bias, eps
    )


def int8_attention(qkv: Tensor, lengths: Tensor, scale: float) -> Tensor:
    """Softmax attention within windows by int8 products: ``softmax(scale q k^T) v``.

    Queries are rounded to 8 bits a row, keys (less their mean, which changes no probability) to 8
    bits a row, values to 8 bits a feature, probabilities to 16 bits. The result for a window does
    not depend on the windows beside it, nor on the number of threads.

    Args:
        qkv: float32 ``[W, L, 3, h, d]`` on the CPU: queries, keys and values of W windows of L
            rows, of h heads of d features, a multiple of 16; L at most 32,768.
        lengths: int32 ``[W]`` on the CPU, how many rows of each window are real, 0 to L.
        scale: what scores are multiplied by, such as ``d ** -0.5``.

    Returns:
        float32 ``[W, L, h, d]``, zeros in the rows that are not real. Not differentiable. Where a
        query, a key or a value is not finite, what depends on it becomes NaN.

    Raises:
        ValueError: a device other than the CPU.
        RuntimeError: a wrong shape or dtype, or a length beyond L.
    """
    if qkv.device.type not in _COMPILED:
        raise ValueError(f"int8_attention: qkv must be on the CPU, not on {qkv.device}")
    return torch.ops.jnrf.int8_attention(qkv.detach(), lengths, scale)


@torch.library.register_fake("jnrf::int8_attention")
def _(qkv, lengths, scale):
    return qkv.new_empty(qkv.shape[0], qkv.shape[1], *qkv.shape[3:])


@torch.library.register_fake("jnrf::int8_pack")
def _(weight):
    # Its size depends on the machine's kernels.
    size = torch.library.get_ctx().new_dynamic_size()
    return weight.new_empty(size, dtype=torch.uint8)


@torch.library.register_fake("jnrf::int8_layers")
def _(
    x,
    packed,
    columns,
    activation=0,
    activate_last=False,
    residual=None,
    norm_weight=None,
    norm_bias=None,
    eps=1e-5,
):
    return x.new_empty(x.shape[0], columns[-1].shape[1])
