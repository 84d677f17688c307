"""Relations by the score of arXiv 2302.04185: a dot product and a polynomial of distance."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext.nn.layers import Mlp
from jnrf_ext.nn.linear import Linear
from jnrf_ext.nn.selection import Selection


class PolynomialHead(nn.Module):
    """Scores every (head, tail) pair of each document for every class (section 3.3).

    ``S[i,j,k] = <CELU(W_k r_i), CELU(U_k r_j)> + alpha_k d^2 + beta_k d + gamma_k`` with
    ``d = i - j`` in wordpieces. The multi-layer perceptron that gives ``r`` runs on the selected
    tokens only: row-wise layers commute with selection.

    ``scale`` multiplies the dot product (1 in the paper). alpha and beta are trained per
    ``distance_unit`` (1 in the paper), so that a step of the optimiser moves them by as much as
    it moves the other scores.
    """

    def __init__(
        self,
        hidden_size: int,
        num_classes: int,
        num_layers: int,
        projection_size: int,
        dropout: float,
        scale: float = 1.0,
        distance_unit: float = 1.0,
    ):
        super().__init__()
        self.num_classes = num_classes
        self.scale = scale
        self.distance_unit = distance_unit
        self.mlp = Mlp(hidden_size, hidden_size, num_layers, dropout)
        self.head_projection = Linear(hidden_size, num_classes * projection_size)
        self.tail_projection = Linear(hidden_size, num_classes * projection_size)
        self.alpha = nn.Parameter(torch.full((num_classes,), -0.01))
        self.beta = nn.Parameter(torch.full((num_classes,), 0.01))
        self.gamma = nn.Parameter(torch.ones(num_classes))

    def project(self, x: Tensor, selection: Selection) -> tuple[Tensor, Tensor]:
        """Token rows ``x [T, H]`` -> ``w [n_heads, R, D]``, ``u [n_tails, R, D]`` of a selection.

        Under autocast both are bfloat16 where the relation operators take it, which is on CUDA;
        elsewhere they are as wide as ``x``.
        """
        r = self.mlp(selection.gather(x))
        shape = (-1, self.num_classes, self.head_projection.out_features // self.num_classes)
        w = functional.celu(self.head_projection(selection.gather_heads(r))).view(shape)
        u = functional.celu(self.tail_projection(selection.gather_tails(r))).view(shape)
        if not x.is_cuda:
            w, u = w.to(x.dtype), u.to(x.dtype)
        return w if self.scale == 1 else w * self.scale, u

    @property
    def polynomial(self) -> tuple[Tensor, Tensor, Tensor]:
        """The coefficients alpha, beta, gamma for distances in wordpieces, each ``[R]``."""
        return self.alpha / self.distance_unit**2, self.beta / self.distance_unit, self.gamma
