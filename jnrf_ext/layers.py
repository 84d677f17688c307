"""The layers JNRF is composed of (arXiv 2302.04185, section 3), on packed documents."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext import ops


class Mlp(nn.Module):
    """``num_layers`` times Linear-CELU at the input's width, then Linear to ``out_features``."""

    def __init__(self, in_features: int, out_features: int, num_layers: int, dropout: float = 0.0):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(in_features, in_features) for _ in range(num_layers))
        self.output = nn.Linear(in_features, out_features)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in_features] -> [..., out_features]``."""
        for linear in self.linears:
            x = self.dropout(functional.celu(linear(x)))
        return self.output(x)


class SinusoidalPositions(nn.Module):
    """Fixed sine and cosine positions, computed to any length and kept only while they fit."""

    def __init__(self, hidden_size: int):
        super().__init__()
        self.hidden_size = hidden_size
        self._table: Tensor | None = None

    def table(self, length: int, device: torch.device) -> Tensor:
        """Positions 0 to ``length - 1`` as float32 ``[length, hidden_size]``."""
        if self._table is None or self._table.shape[0] < length or self._table.device != device:
            # Same float32 arithmetic as the authors' stored table, so that checkpoints agree.
            frequencies = torch.exp(
                torch.arange(0, self.hidden_size, 2) * (-math.log(10000.0) / self.hidden_size)
            )
            angles = torch.arange(length).unsqueeze(1) * frequencies
            table = torch.empty(length, self.hidden_size)
            table[:, 0::2] = torch.sin(angles)
            table[:, 1::2] = torch.cos(angles)
            self._table = table.to(device)
        return self._table[:length]

    def forward(self, cu_seqlens: Tensor, device: torch.device) -> Tensor:
        """The positions of packed documents, each from 0: ``[T, hidden_size]``."""
        lengths = cu_seqlens.diff().tolist()
        table = self.table(max(lengths, default=0), device)
        return torch.cat([table[:n] for n in lengths]) if lengths else table[:0]


class FourierLayer(nn.Module):
    """``y = LN(x + s Re FFT2(x))``, ``z = LN(y + W2 GELU(W1 y))`` (section 3.1).

    ``s`` is ``scale``, 1 in the paper. The mixing and its LayerNorm are one operator.
    """

    def __init__(self, hidden_size: int, expansion: int, dropout: float, scale: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden_size)
        self.norm2 = nn.LayerNorm(hidden_size)
        self.fc1 = nn.Linear(hidden_size, hidden_size * expansion)
        self.fc2 = nn.Linear(hidden_size * expansion, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.scale = scale

    def forward(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """``x [T, H]`` packed by ``cu_seqlens int32 [B + 1]`` -> ``[T, H]``."""
        y = ops.fourier_mix_norm(
            x, self.norm1.weight, self.norm1.bias, cu_seqlens, self.norm1.eps, self.scale
        )
        hidden = self.dropout(functional.gelu(self.fc1(y)))
        return self.norm2(y + self.dropout(self.fc2(hidden)))


def split_windows(cu_seqlens: Tensor, window: int, shift: int = 0) -> Tensor:
    """Cut each packed document into windows of ``window`` tokens, the first one ``shift`` long.

    ``cu_seqlens int32 [B + 1]`` -> the same for the windows, so that an operator on packed
    documents works within windows instead. ``window`` 0 leaves the documents whole; windows never
    cross documents.
    """
    if window == 0:
        return cu_seqlens
    bounds = cu_seqlens.tolist()
    cuts = [0]
    for start, end in pairwise(bounds):
        first = start + (shift or window)
        cuts.extend(range(first, end, window))
        if end > start:
            cuts.append(end)
    return torch.tensor(cuts, dtype=torch.int32)


class RelationHead(nn.Module):
    """Scores every (head, tail) pair of each document for every class (section 3.3).

    ``S[i,j,k] = <CELU(W_k r_i), CELU(U_k r_j)> + alpha_k d^2 + beta_k d + gamma_k`` with
    ``d = i - j`` in wordpieces. The multi-layer perceptron that gives ``r`` runs on the selected
    tokens only: row-wise layers commute with selection.
    """

    def __init__(
        self,
        hidden_size: int,
        num_classes: int,
        num_layers: int,
        projection_size: int,
        dropout: float,
    ):
        super().__init__()
        self.num_classes = num_classes
        self.mlp = Mlp(hidden_size, hidden_size, num_layers, dropout)
        self.head_projection = nn.Linear(hidden_size, num_classes * projection_size)
        self.tail_projection = nn.Linear(hidden_size, num_classes * projection_size)
        self.alpha = nn.Parameter(torch.full((num_classes,), -0.01))
        self.beta = nn.Parameter(torch.full((num_classes,), 0.01))
        self.gamma = nn.Parameter(torch.ones(num_classes))

    def project(self, x: Tensor, heads: Tensor, tails: Tensor) -> tuple[Tensor, Tensor]:
        """Token rows ``x [T, H]`` at ``heads`` and ``tails`` -> ``w [n_heads, R, D]``, ``u``."""
        selected, where = torch.unique(torch.cat([heads, tails]), return_inverse=True)
        r = self.mlp(x.index_select(0, selected))
        shape = (-1, self.num_classes, self.head_projection.out_features // self.num_classes)
        w = functional.celu(self.head_projection(r[where[: len(heads)]])).view(shape)
        u = functional.celu(self.tail_projection(r[where[len(heads) :]])).view(shape)
        return w, u

    @property
    def polynomial(self) -> tuple[Tensor, Tensor, Tensor]:
        """The trainable coefficients alpha, beta, gamma, each ``[R]``."""
        return self.alpha, self.beta, self.gamma
