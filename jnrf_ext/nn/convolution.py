"""Gated convolutions over the rows of packed documents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jnrf_ext.nn.layers import Dropout
from jnrf_ext.nn.linear import Linear


class ConvolutionLayer(nn.Module):
    """``y = LN(x + a * sigmoid(g))``, ``[a; g] = W [x_{t-d}; x_t; x_{t+d}]``: a row and two others.

    The gated convolution of Dauphin et al. (2017, arXiv 1612.08083) with a residual; ``d`` is its
    dilation (Strubell et al. 2017, arXiv 1702.02098). Rows beyond the ends of a document are 0.
    """

    def __init__(self, hidden_size: int, dilation: int, dropout: float):
        super().__init__()
        self.dilation = dilation
        self.linear = Linear(3 * hidden_size, 2 * hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, cu_rows: Tensor) -> Tensor:
        """``x [N, H]`` packed by ``cu_rows int32 [B + 1]`` -> ``[N, H]``."""
        before, after = neighbours(x, cu_rows, self.dilation)
        values, gates = self.linear(torch.cat([before, x, after], dim=1)).chunk(2, dim=1)
        return self.norm(x + self.dropout(values * gates.sigmoid()))


def neighbours(x: Tensor, cu_rows: Tensor, distance: int) -> tuple[Tensor, Tensor]:
    """The rows ``distance`` before and after each row, ``[N, H]`` each; 0 beyond the document."""
    cu = cu_rows.to(x.device, non_blocking=True).long()
    position = torch.arange(len(x), device=x.device)
    owner = torch.searchsorted(cu, position, right=True) - 1
    has_before = (position - distance >= cu[owner]).unsqueeze(1)
    has_after = (position + distance < cu[owner + 1]).unsqueeze(1)
    gap = x.new_zeros(min(distance, len(x)), x.shape[1])
    before = torch.cat([gap, x])[: len(x)]
    after = torch.cat([x, gap])[len(gap) :]
    return before * has_before, after * has_after
