"""Models with int8 weights, for prediction on a CPU at a fraction of the time.

Linear layers take most of the time of prediction there. :func:`quantize` rounds their weights to
int8 with a scale for each output; what goes into them becomes integers of 8 bits on the way, row by
row (`jnrf_ext.ops.int8_layers`). Activations, residuals and LayerNorm are done in the same pass
where layers follow one another, as in the feed-forward part of Fourier and BERT layers. Layers with
few inputs or outputs, the tag scores among them, stay in float32, as do embeddings, Fourier mixing,
recurrent layers and everything after the heads.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext import ops
from jnrf_ext.errors import InputError
from jnrf_ext.model import JNRF
from jnrf_ext.nn.encoder.encoder import Encoder
from jnrf_ext.nn.layers import FourierLayer, Mlp
from jnrf_ext.nn.linear import Linear
from jnrf_ext.ops import Int8Weights

if TYPE_CHECKING:
    from typing_extensions import Self

#: Linear layers with fewer inputs or outputs stay as they are: they cost little, and give scores.
LEAST_SIZE = 64

#: Encoders of `transformers` whose attention is BERT's, without relative positions.
_LIKE_BERT = re.compile(r"(Bert|Roberta|XLMRoberta|Camembert|Electra)(Sdpa)?SelfAttention")


def quantize(model: JNRF) -> JNRF:
    """Give a model int8 weights, in place, and return it, ready for extraction.

    It can then neither be trained nor saved nor leave the CPU; load the saved one for that. The
    same model and text give the same result each time. Of another number of threads int8 layers
    make the same bits too, but what MKL computes in float32 before them (Fourier transforms) may
    not, and a code may flip with it.

    Raises :class:`InputError` for a model that is not on the CPU, not in float32, or has weights
    that are not finite.
    """
    if isinstance(model, Int8JNRF):
        return model
    if model.device.type != "cpu":
        raise InputError(
            f"int8 weights are for prediction on a CPU, but the model is on {model.device}; "
            "load it with device='cpu'"
        )
    wrong = {p.dtype for p in model.parameters()} - {torch.float32}
    if wrong:
        raise InputError(f"int8 weights are made from float32 ones, not {wrong.pop()}; load anew")
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            layer = name.rpartition(".")[0]
            raise InputError(f"{layer} has weights that are not finite; copy the model again")
    with torch.no_grad():
        for name, module in model.named_children():
            if name != "auxiliary":  # of no use in prediction
                _quantize_within(module)
    model.__class__ = Int8JNRF
    return model.eval()


class Int8JNRF(JNRF):
    """A model that :func:`quantize` has given int8 weights."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Raise :class:`InputError`: what is left of the weights is no model to be saved."""
        raise InputError(
            f"a model with int8 weights cannot be saved in {folder}; save the model it was made "
            "from, and call quantize after loading it"
        )

    def train(self, mode: bool = True) -> Self:
        """Raise :class:`InputError` where ``mode`` is not False."""
        if mode:
            raise InputError("a model with int8 weights cannot be trained; load the saved model")
        return super().train(False)

    def _apply(self, fn, recurse: bool = True) -> Self:
        moved = fn(torch.empty(0))
        if moved.device.type != "cpu" or moved.dtype != torch.float32:
            raise InputError(
                f"a model with int8 weights stays on the CPU in float32, and cannot become "
                f"{moved.dtype} on {moved.device}; load the saved model"
            )
        return super()._apply(fn, recurse)


def _quantize_within(module: nn.Module) -> None:
    """Replace what there is an int8 form of, from the outside in."""
    if _is_like_bert(module):
        _quantize_bert_layer(module)
        return
    for name, child in module.named_children():
        if isinstance(child, Encoder):
            _quantize_encoder(child)
        elif type(child) is FourierLayer:
            setattr(module, name, Int8FourierLayer(child))
        elif type(child) is Mlp and child.output.in_features >= LEAST_SIZE:
            setattr(module, name, Int8Mlp(child))
        elif type(child) is nn.Linear or type(child) is Linear:
            if min(child.in_features, child.out_features) >= LEAST_SIZE:
                setattr(module, name, Int8Linear(child))
        else:
            _quantize_within(child)


class _Layers(nn.Module):
    """Some linear layers' weights, for one call of `ops.int8_layers`."""

    def __init__(self, *linears: nn.Linear):
        super().__init__()
        self.count = len(linears)
        for index, linear in enumerate(linears):
            packed, columns = ops.int8_weights(linear.weight, linear.bias)
            # Laid out for this machine alone, so no part of what is saved.
            self.register_buffer(f"packed_{index}", packed, persistent=False)
            self.register_buffer(f"columns_{index}", columns, persistent=False)
        self.in_features, self.out_features = linears[0].in_features, linears[-1].out_features

    @property
    def weights(self) -> list[Int8Weights]:
        """As the operator takes them."""
        return [
            Int8Weights(getattr(self, f"packed_{i}"), getattr(self, f"columns_{i}"))
            for i in range(self.count)
        ]

    def run(
        self,
        x: Tensor,
        activation: str = "none",
        residual: Tensor | None = None,
        norm: nn.LayerNorm | None = None,
    ) -> Tensor:
        """`ops.int8_layers` for ``x [..., in_features]``."""
        rows = x.reshape(-1, self.in_features)
        if residual is not None:
            residual = residual.reshape(-1, self.out_features)
        weights, eps = (None, 0.0) if norm is None else ((norm.weight, norm.bias), norm.eps)
        y = ops.int8_layers(
            rows, self.weights, activation, residual=residual, norm=weights, eps=eps
        )
        return y.view(*x.shape[:-1], self.out_features)


class Int8Linear(_Layers):
    """`torch.nn.Linear` with int8 weights."""

    def __init__(self, linear: nn.Linear):
        super().__init__(linear)

    @property
    def weight(self) -> Tensor:
        """A float32 tensor without numbers, for modules that ask what dtype to give a layer."""
        return torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features] -> [..., out_features]``."""
        return self.run(x)


class Int8Mlp(_Layers):
    """`jnrf_ext.nn.layers.Mlp` with int8 weights."""

    def __init__(self, mlp: Mlp):
        super().__init__(*mlp.linears, mlp.output)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features] -> [..., out_features]``."""
        return self.run(x, "celu")


class Int8FourierLayer(FourierLayer):
    """A FourierLayer whose feed-forward part has int8 weights."""

    def __init__(self, layer: FourierLayer):
        nn.Module.__init__(self)
        self.norm1, self.norm2, self.factor = layer.norm1, layer.norm2, layer.factor
        self.feed_forward = _Layers(layer.fc1, layer.fc2)

    def forward(self, x: Tensor, cu_seqlens: Tensor, window: int = 0, shift: int = 0) -> Tensor:
        """``x [T, H]`` packed by ``cu_seqlens int32 [B + 1]`` -> ``[T, H]``."""
        y = self.mix(x, cu_seqlens, window, shift)
        return self.feed_forward.run(y, "gelu", y, self.norm2)


# ---------------------------------------------------------------- layers of transformers
#
# Each family has classes of its own: Any where it is the names of their parts that count.


class _BertAttention(Protocol):
    """The parts of the self-attention of BERT and its like that are quantized."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    num_attention_heads: int
    attention_head_size: int


def _is_like_bert(module: Any) -> bool:
    """Whether this is a layer of an encoder with the attention and feed-forward part of BERT."""
    attention: Any = getattr(getattr(module, "attention", None), "self", None)
    if not _LIKE_BERT.fullmatch(type(attention).__name__):
        return False
    parts = (module.attention.output, module.intermediate, module.output)
    linears = (attention.query, attention.key, attention.value, *(part.dense for part in parts))
    positions = getattr(attention, "position_embedding_type", None)
    return (
        all(type(linear) is nn.Linear for linear in linears)
        and positions in (None, "absolute")
        and not getattr(module, "is_decoder", False)
        and _is_gelu(module.intermediate.intermediate_act_fn)
    )


def _is_gelu(activation: nn.Module) -> bool:
    """Whether an activation is GELU by the error function."""
    points = torch.linspace(-4, 4, 33)
    return torch.allclose(activation(points), functional.gelu(points), atol=1e-6)


def _quantize_encoder(encoder: Encoder) -> None:
    """Give an encoder int8 weights; one whose modules cannot do with them stays in float32."""
    modules = list(encoder.modules())
    children = [(module, dict(module.named_children())) for module in modules]
    _quantize_within(encoder.model)
    try:
        encoder.try_out()
    except InputError:  # a module reads the weights of its layers itself
        for module, before in children:
            for name, child in before.items():
                setattr(module, name, child)


def _quantize_bert_layer(layer: Any) -> None:
    layer.attention.self = _SelfAttention(layer.attention.self)
    output = layer.attention.output
    layer.attention.output = _AddNorm(output.LayerNorm, output.dense)
    layer.output = _AddNorm(layer.output.LayerNorm, layer.intermediate.dense, layer.output.dense)
    layer.intermediate = nn.Identity()


class _SelfAttention(nn.Module):
    """BERT's self-attention with the three projections in one."""

    def __init__(self, attention: _BertAttention):
        super().__init__()
        self.heads, self.size = attention.num_attention_heads, attention.attention_head_size
        # Without products of bytes torch's own attention is faster.
        self.fast = self.size % 16 == 0 and ops.int8_isa() in ("avxvnni", "avx512vnni", "amx")
        parts = (attention.query, attention.key, attention.value)
        joined = nn.Linear(parts[0].in_features, sum(p.out_features for p in parts))
        joined.weight.copy_(torch.cat([p.weight for p in parts]))
        joined.bias.copy_(torch.cat([p.bias for p in parts]))
        self.projection = Int8Linear(joined)

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, *args, **kwargs
    ) -> tuple[Tensor, None]:
        """``[W, L, H]`` -> the same shape, and no attention weights.

        ``attention_mask`` as transformers makes it for windows whose padding comes last.
        """
        qkv = self.projection(hidden_states).unflatten(-1, (3, self.heads, self.size))
        if self.fast:
            lengths = _lengths(attention_mask, hidden_states)
            return ops.int8_attention(qkv, lengths, self.size**-0.5).flatten(2), None
        query, key, value = qkv.transpose(1, 3).unbind(2)
        y = functional.scaled_dot_product_attention(query, key, value, attention_mask)
        return y.transpose(1, 2).flatten(2), None


def _lengths(mask: Tensor | None, x: Tensor) -> Tensor:
    """How many rows of windows ``x [W, L, H]`` are real, int32 ``[W]``, by an attention mask.

    Masks are ``[W, 1, L or 1, L]``: True, or above what is far below 0, where a key is real.
    """
    if mask is None:
        return torch.full((len(x),), x.shape[1], dtype=torch.int32)
    of_keys = mask[:, 0, 0]
    real = of_keys if mask.dtype == torch.bool else of_keys > -1.0
    return real.sum(1, dtype=torch.int32).expand(len(x))


class _AddNorm(_Layers):
    """``LayerNorm(layers(x) + residual)``, GELU between the layers where there are two."""

    def __init__(self, norm: nn.LayerNorm, *linears: nn.Linear):
        super().__init__(*linears)
        self.norm = norm

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        """``[..., in_features]`` and a residual ``[..., out_features]``."""
        return self.run(hidden_states, "gelu", input_tensor, self.norm)
