"""Fourier token mixing, alone and with the LayerNorm that follows it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from jnrf_ext import _loader, reference

_DTYPES = {"cpu": (torch.float32, torch.float64)}
_CUDA_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


@dataclass(frozen=True)
class FourierPlan:
    """A transform of documents of one size that cuFFT has prepared.

    ``workspace_bytes`` is what it needs while it runs; documents of a call share it, and torch's
    allocator has it back afterwards. ``calls`` counts the documents that it transformed.
    """

    device: int
    tokens: int
    hidden: int
    dtype: torch.dtype
    workspace_bytes: int
    calls: int


def fourier_plans() -> list[FourierPlan]:
    """The cuFFT plans that the CUDA operators of Fourier mixing keep, the last used first.

    Plans are made for each document length when it is first met, which takes about a millisecond
    and cannot be done while a CUDA graph is captured: the operators raise RuntimeError then. Mix
    documents of the same lengths once before the capture.
    """
    if _loader.cuda_error is not None:
        return []
    return [
        FourierPlan(device, tokens, hidden, torch.float64 if wide else torch.float32, *rest)
        for device, tokens, hidden, wide, *rest in torch.ops.jnrf.fourier_plans().tolist()
    ]


def clear_fourier_plans() -> None:
    """Drop all cuFFT plans. CUDA graphs that were captured before must not be run any more."""
    if _loader.cuda_error is None:
        torch.ops.jnrf.clear_fourier_plans()


def fourier_plan_limit(plans: int | None = None) -> int:
    """How many cuFFT plans are kept, 512 at first; with ``plans``, set it to that from now on.

    Beyond the limit the plan that was not used for longest is dropped, though never one that a
    captured CUDA graph uses.

    Returns:
        The limit before the call.

    Raises:
        ValueError: a negative limit.
        RuntimeError: no CUDA kernels are in use.
    """
    return _setting("fourier_plan_limit", "plans", plans)


def fourier_product_limit(tokens: int | None = None) -> int:
    """Up to how many tokens the CUDA operators mix by a product; with ``tokens``, set it.

    Documents (or windows) of at most so many tokens, 512 at first, are transformed over the tokens
    by a matrix product on the tensor cores, in float32's accuracy: all of a batch together, in
    three launches and without a cuFFT plan (windows of at most 16 tokens in two, without tensor
    cores). Longer ones go through cuFFT one after another, as do all in float64, of more than 1024
    features, or of a number of features with a prime factor above 31. At 0 all do. The limit that
    is best depends on the device and on how many documents there are; docs/performance.md has what
    was measured.

    Returns:
        The limit before the call.

    Raises:
        ValueError: a limit that is negative or above 8192.
        RuntimeError: no CUDA kernels are in use.
    """
    return _setting("fourier_product_limit", "tokens", tokens, 8192)


def _setting(name: str, what: str, value: int | None, most: int = 2**63 - 1) -> int:
    """A setting of the CUDA operators before it is set to a value, if there is one."""
    if value is not None and not 0 <= value <= most:
        raise ValueError(f"{name}: {what} must be from 0 to {most}, but is {value}")
    if _loader.cuda_error is not None:
        raise RuntimeError(f"{name}: no CUDA kernels: {_loader.cuda_error}")
    return getattr(torch.ops.jnrf, name)(-1 if value is None else value)


def fourier_mix(
    x: Tensor,
    cu_seqlens: Tensor,
    scale: float = 1.0,
    ortho: bool = False,
    window: int = 0,
    shift: int = 0,
) -> Tensor:
    """Mix the tokens and features of every document by a two-dimensional Fourier transform.

    ``y = scale * Re(FFT2(x))`` over the tokens and the hidden features of each document alone.
    The operator is linear and its own adjoint, so its backward is the same mixing of the gradient.

    Args:
        x: ``[T, H]``, the packed documents; float32 or float64 (on CUDA also bfloat16, which is
            transformed in float32).
        cu_seqlens: int32 ``[B + 1]``, where each document starts, then T. Documents may be empty.
            For CUDA tensors it should stay on the CPU: the lengths decide what is started, so that
            bounds on the device have to be waited for (and cannot be captured in a CUDA graph).
        scale: factor of the result; 1 is FNet's and JNRF's.
        ortho: also divide by ``sqrt(N H)`` for a document of N tokens (``norm="ortho"`` of
            torch.fft), so that the result is of the size of ``x`` whatever the length.
        window: mix within windows of so many tokens instead of whole documents (0, the default;
            at most 2^31 - 1), as if each were a document of its own. They never cross documents:
            the last one of a document ends with it, and may be shorter.
        shift: makes the first window of every document ``shift % window`` tokens shorter, so that
            the borders of all move. Not negative.

    Returns:
        ``[T, H]`` in the dtype of ``x``.

    Raises:
        ValueError: a wrong shape, dtype or device, or a negative window or shift.
        RuntimeError: ``cu_seqlens`` does not start at 0, decreases, or does not end at T; or a CUDA
            graph is being captured and a length is new (see `fourier_plans`).

    Source: Lee-Thorp et al., FNet (2021); Yazdani et al., JNRF (2022), section 3.1.
    """
    _check("fourier_mix", x, cu_seqlens, window, shift)
    inputs = (x, cu_seqlens, scale, ortho, window, shift)
    if not _loader.has_kernel("fourier_mix", x.device):
        _loader.warn_reference("fourier_mix", x.device)
        return reference.fourier_mix(*inputs)
    return torch.ops.jnrf.fourier_mix(*inputs)


def fourier_mix_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor,
    eps: float = 1e-5,
    scale: float = 1.0,
    ortho: bool = False,
    window: int = 0,
    shift: int = 0,
) -> Tensor:
    """Fourier mixing with residual and LayerNorm: ``LayerNorm(x + fourier_mix(x))``, fused.

    Differentiable once in ``x``, ``weight`` and ``bias``. For the backward it keeps the
    normalised sum and its row statistics; ``x`` is not kept. Gradients of ``weight`` and ``bias``
    are summed in an order that does not depend on the number of threads.

    Args:
        x: ``[T, H]``, the packed documents; dtypes as for `fourier_mix`.
        weight: ``[H]``, gain of the LayerNorm, in the dtype of ``x``.
        bias: ``[H]``, offset of the LayerNorm, likewise.
        cu_seqlens: int32 ``[B + 1]`` as for `fourier_mix`.
        eps: added to the variance.
        scale: factor of the mixed tokens before the sum; 1 is FNet's and JNRF's.
        ortho: also divide them by ``sqrt(N H)``, as for `fourier_mix`.
        window, shift: mix within windows, as for `fourier_mix`.

    Returns:
        ``[T, H]`` in the dtype of ``x``.

    Raises:
        ValueError: a wrong shape, dtype or device, or a negative window or shift.
        RuntimeError: ``cu_seqlens`` does not start at 0, decreases, or does not end at T; or a CUDA
            graph is being captured and a length is new (see `fourier_plans`).

    Source: Lee-Thorp et al., FNet (2021); Yazdani et al., JNRF (2022), section 3.1.
    """
    _check("fourier_mix_norm", x, cu_seqlens, window, shift, weight=weight, bias=bias)
    inputs = (x, weight, bias, cu_seqlens, eps, scale, ortho, window, shift)
    if not _loader.has_kernel("fourier_mix_norm", x.device):
        _loader.warn_reference("fourier_mix_norm", x.device)
        return reference.fourier_mix_norm(*inputs)
    save = torch.is_grad_enabled() and any(t.requires_grad for t in (x, weight, bias))
    if save and not torch.compiler.is_compiling():
        return _Norm.apply(*inputs)
    return torch.ops.jnrf.fourier_mix_norm(*inputs, save)[0]


class _Norm(torch.autograd.Function):
    """The operator's autograd for eager use.

    The formula registered with the operator (below) is what torch.compile and opcheck see; its
    machinery costs half a millisecond a step, as much as mixing 128 tokens.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, cu_seqlens, eps, *mixing):
        y, *saved = torch.ops.jnrf.fourier_mix_norm(x, weight, bias, cu_seqlens, eps, *mixing, True)
        ctx.save_for_backward(*saved, weight, cu_seqlens)
        ctx.mixing = mixing
        ctx.set_materialize_grads(False)
        return y

    @staticmethod
    def backward(ctx, grad):
        return _norm_backward(ctx, grad)[:-1]


def _check(
    op: str, x: Tensor, cu_seqlens: Tensor, window: int, shift: int, **features: Tensor
) -> None:
    """Shapes, dtypes and devices; what `cu_seqlens` holds is checked where it is read."""
    if x.dim() != 2:
        raise ValueError(f"{op}: x must be [tokens, hidden], not {list(x.shape)}")
    allowed = _DTYPES.get(x.device.type, _CUDA_DTYPES)
    if x.dtype not in allowed:
        names = " or ".join(str(dtype).removeprefix("torch.") for dtype in allowed)
        raise ValueError(f"{op}: x must be {names} on {x.device.type}, not {x.dtype}")
    if cu_seqlens.dim() != 1 or cu_seqlens.shape[0] < 1:
        raise ValueError(f"{op}: cu_seqlens must be [documents + 1], not {list(cu_seqlens.shape)}")
    if cu_seqlens.dtype != torch.int32:
        raise ValueError(f"{op}: cu_seqlens must be int32, not {cu_seqlens.dtype}")
    if cu_seqlens.device.type not in ("cpu", x.device.type):
        raise ValueError(f"{op}: x is on {x.device} but cu_seqlens on {cu_seqlens.device}")
    if not 0 <= window < 2**31:
        raise ValueError(f"{op}: window must be from 0 to 2^31 - 1, but is {window}")
    if shift < 0:
        raise ValueError(f"{op}: shift must not be negative, but is {shift}")
    for name, value in features.items():
        if value.shape != x.shape[1:]:
            raise ValueError(f"{op}: {name} must be [{x.shape[1]}], not {list(value.shape)}")
        if value.dtype != x.dtype:
            raise ValueError(f"{op}: x is {x.dtype} but {name} is {value.dtype}")
        if value.device != x.device:
            raise ValueError(f"{op}: x is on {x.device} but {name} on {value.device}")


@torch.library.register_fake("jnrf::fourier_mix")
def _(x, cu_seqlens, scale=1.0, ortho=False, window=0, shift=0):
    return x.new_empty(x.shape)


@torch.library.register_fake("jnrf::fourier_mix_norm")
def _(x, weight, bias, cu_seqlens, eps=1e-5, scale=1.0, ortho=False, window=0, shift=0, save=True):
    tokens, hidden = x.shape
    wide = torch.float32 if x.dtype == torch.bfloat16 else x.dtype
    saved = tokens if save else 0
    return (
        x.new_empty(tokens, hidden),
        x.new_empty(saved, hidden, dtype=wide),
        x.new_empty(saved, dtype=wide),
        x.new_empty(saved, dtype=wide),
    )


@torch.library.register_fake("jnrf::fourier_mix_norm_backward")
def _(grad, sum, mean, rstd, weight, cu_seqlens, scale=1.0, ortho=False, window=0, shift=0):
    hidden = grad.shape[1]
    return grad.new_empty(grad.shape), weight.new_empty(hidden), weight.new_empty(hidden)


def _keep_for_mix(ctx, inputs, output) -> None:
    _, cu_seqlens, *ctx.mixing = inputs
    ctx.save_for_backward(cu_seqlens)


def _mix_backward(ctx, grad):
    (cu_seqlens,) = ctx.saved_tensors
    mixed = torch.ops.jnrf.fourier_mix(grad, cu_seqlens, *ctx.mixing)
    return mixed, None, None, None, None, None


def _keep_for_norm(ctx, inputs, output) -> None:
    _, weight, _, cu_seqlens, _, *ctx.mixing, _ = inputs
    _, total, mean, rstd = output
    ctx.save_for_backward(total, mean, rstd, weight, cu_seqlens)
    ctx.mark_non_differentiable(total, mean, rstd)
    ctx.set_materialize_grads(False)  # no zeros [T, H] in place of a gradient of the sum


def _norm_backward(ctx, grad, *_):
    if grad is None:
        return (None,) * 10
    total, mean, rstd, weight, cu_seqlens = ctx.saved_tensors
    grads = torch.ops.jnrf.fourier_mix_norm_backward(
        grad, total, mean, rstd, weight, cu_seqlens, *ctx.mixing
    )
    return *grads, *(None,) * 7


def _no_second_derivative(ctx, *grads):
    raise NotImplementedError(
        "fourier_mix_norm has no second derivative; use fourier_mix and a LayerNorm of torch"
    )


torch.library.register_autograd("jnrf::fourier_mix", _mix_backward, setup_context=_keep_for_mix)
torch.library.register_autograd(
    "jnrf::fourier_mix_norm", _norm_backward, setup_context=_keep_for_norm
)
torch.library.register_autograd("jnrf::fourier_mix_norm_backward", _no_second_derivative)
