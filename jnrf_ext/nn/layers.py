"""The layers JNRF is composed of (arXiv 2302.04185, section 3), on packed documents."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext import ops
from jnrf_ext.nn.linear import Linear


class Dropout(nn.Dropout):
    """Dropout whose masks cost an eighth of the random numbers on a CPU.

    torch draws a number for each element there, one after another, which took a sixth of a
    training step; a byte each is enough. The share dropped is ``p`` to the nearest 1/256, and what
    is kept is scaled by exactly that. Elsewhere it is torch's own.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with elements zeroed at random and the rest scaled up, in training."""
        dropped = round(self.p * 256)
        if not self.training or dropped in (0, 256) or x.device.type != "cpu":
            return super().forward(x)
        count = x.numel()
        words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[:count].view(x.shape) >= dropped
        # The forward of dropout is its backward: both multiply by mask and scale.
        return torch.ops.aten.native_dropout_backward(x, kept, 256 / (256 - dropped))


class Mlp(nn.Module):
    """``num_layers`` times Linear-CELU at the input's width, then Linear to ``out_features``."""

    def __init__(self, in_features: int, out_features: int, num_layers: int, dropout: float = 0.0):
        super().__init__()
        self.linears = nn.ModuleList(Linear(in_features, in_features) for _ in range(num_layers))
        self.output = Linear(in_features, out_features)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features] -> [..., out_features]``."""
        for linear in self.linears:
            x = self.dropout(functional.celu(linear(x)))
        return self.output(x)


class SinusoidalPositions(nn.Module):
    """Fixed sine and cosine positions, computed to any length and kept only while they fit.

    ``wavelengths`` "geometric" are the Transformer's and the paper's, from 2 pi to 10,000 times
    that; "dyadic" are 2, 4, ... 4096 tokens, repeated over the features, which windows of powers
    of two see as constants.
    """

    def __init__(self, hidden_size: int, wavelengths: str = "geometric", scale: float = 1.0):
        super().__init__()
        # The same float32 arithmetic as the authors' stored table, so that checkpoints agree.
        powers = torch.arange(0, hidden_size, 2, device="cpu") * (-math.log(10000.0) / hidden_size)
        rates = torch.exp(powers)
        if wavelengths == "dyadic":
            octave = torch.arange(hidden_size // 2, device="cpu") % 12 + 1
            rates = 2 * math.pi / 2.0**octave
        self.rates = rates
        self.scale = scale
        self._table: Tensor | None = None

    def table(self, length: int, device: torch.device) -> Tensor:
        """Positions 0 to ``length - 1`` as float32 ``[length, hidden_size]``."""
        table = self._table
        if table is None or len(table) < length or table.device != device:
            # Some more than asked for, so that a little more does not ask for another table.
            table = self._computed(-(-length // 1024) * 1024)
            if device.type == "cuda":  # without a wait
                table = table.pin_memory()
            self._table = table = table.to(device, non_blocking=True)
        return table[:length]

    def _computed(self, rows: int) -> Tensor:
        """On the CPU, whatever the device: sine and cosine are not the same to the bit on each."""
        angles = torch.arange(rows, device="cpu").unsqueeze(1) * self.rates
        table = angles.new_empty(rows, 2 * len(self.rates))
        table[:, 0::2] = torch.sin(angles)
        table[:, 1::2] = torch.cos(angles)
        return self.scale * table

    def forward(self, x: Tensor, cu_seqlens: Tensor, first: int = 0) -> Tensor:
        """The positions of packed documents ``x [T, ...]``, each from ``first``.

        ``[T, hidden_size]`` on the device of ``x``. Nothing waits for it, wherever ``cu_seqlens``
        is.
        """
        on_device = cu_seqlens.device.type != "cpu"
        lengths = [len(x)] if on_device else cu_seqlens.diff().tolist()
        table = self.table(first + max(lengths, default=0), x.device)
        if x.device.type != "cpu":
            return table.index_select(0, ops.token_positions(x, cu_seqlens, first))
        table = table[first:]
        return torch.cat([table[:n] for n in lengths]) if lengths else table[:0]


class FourierLayer(nn.Module):
    """``y = LN(x + s Re FFT2(x))``, ``z = LN(y + W2 GELU(W1 y))`` (section 3.1).

    ``s`` is ``scale``, 1 in the paper; with ``ortho`` it is divided by sqrt(N H). The mixing and
    its LayerNorm are one operator.
    """

    def __init__(self, hidden_size: int, expansion: int, dropout: float, scale: float, ortho: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden_size)
        self.norm2 = nn.LayerNorm(hidden_size)
        self.fc1 = Linear(hidden_size, hidden_size * expansion)
        self.fc2 = Linear(hidden_size * expansion, hidden_size)
        self.dropout = Dropout(dropout)
        self.factor = (scale, ortho)

    def forward(self, x: Tensor, cu_seqlens: Tensor, window: int = 0, shift: int = 0) -> Tensor:
        """``x [T, H]`` packed by ``cu_seqlens int32 [B + 1]`` -> ``[T, H]``.

        ``window`` and ``shift`` mix within windows (see `ops.fourier_mix`).
        """
        y = self.mix(x, cu_seqlens, window, shift)
        return self.norm2(y + self.dropout(self.fc2(functional.gelu(self.fc1(y)))))

    def mix(self, x: Tensor, cu_seqlens: Tensor, window: int, shift: int) -> Tensor:
        """The mixing and its LayerNorm, without the feed-forward part."""
        norm = self.norm1
        return ops.fourier_mix_norm(
            x, norm.weight, norm.bias, cu_seqlens, norm.eps, *self.factor, window, shift
        )


class GatedMixing(nn.Module):
    """``y = x + g * Re FFT2(x) / sqrt(N H)`` over whole documents, ``g [H]`` trained from 0.

    What layers that see neighbours alone lack, at the cost of a transform: each row hears of the
    whole document, as loudly as training finds it of use.
    """

    def __init__(self, hidden_size: int):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x: Tensor, cu_rows: Tensor) -> Tensor:
        """``x [N, H]`` packed by ``cu_rows int32 [B + 1]`` -> ``[N, H]``."""
        return x + self.gate * ops.fourier_mix(x, cu_rows, 1.0, True)
