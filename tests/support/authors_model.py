"""The authors' model restated in plain torch, from the paper and their checkpoint's layout.

It serves as the other side of the import-parity tests and of the training-step benchmark: same
parameter names and shapes as a checkpoint of github.com/ds4dh/JNRF, dense and unpacked, a document
at a time, with positions for 15,000 wordpieces as theirs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    def __init__(self, inputs: int, outputs: int, depth: int):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(inputs, inputs) for _ in range(depth)])
        self.output = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for linear in self.linears:
            x = nn.functional.celu(linear(x))
        return self.output(x)


class Block(nn.Module):
    def __init__(self, width: int, expansion: int):
        super().__init__()
        self.ff = nn.ModuleDict(
            {"fc1": nn.Linear(width, width * expansion), "fc2": nn.Linear(width * expansion, width)}
        )
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(torch.fft.fft2(x).real + x)
        return self.norm2(self.ff["fc2"](nn.functional.gelu(self.ff["fc1"](x))) + x)


class AuthorsModel(nn.Module):
    """``tail_tags`` and ``head_tags`` are label ids, the relation classes include "Z"."""

    def __init__(
        self,
        vocabulary: int,
        embedding: int,
        width: int,
        depth: int,
        expansion: int,
        num_tags: int,
        num_relations: int,
        tail_tags: list[int],
        head_tags: list[int],
        positions: int = 15_000,
    ):
        super().__init__()
        self.tail_tags, self.head_tags = tail_tags, head_tags
        self.num_relations = num_relations
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.embedding.weight.requires_grad_(False)
        self.lin1 = Perceptron(embedding, width, 1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        angle = torch.arange(positions)[:, None] * rate
        self.register_buffer("pe", torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1))
        self.fnet = nn.ModuleDict(
            {"layers": nn.ModuleList([Block(width, expansion) for _ in range(depth)])}
        )
        self.NerFF = Perceptron(width, width, 3)
        self.NER = nn.Linear(width, num_tags)
        for name, start in (("alpha", -0.01), ("beta", 0.01), ("gamma", 1.0)):
            setattr(self, name, nn.Parameter(torch.full((num_relations, 1, 1), start)))
        self.ReFF = Perceptron(width, width, 3)
        self.U = nn.Linear(width, width * num_relations)
        self.W = nn.Linear(width, width * num_relations)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``ids [n]`` -> tag logits ``[n, L]``, scores ``[heads, tails, R]``, heads, tails."""
        x = self.lin1(self.embedding(ids)) + self.pe[: len(ids)]
        for block in self.fnet["layers"]:
            x = block(x)
        logits = self.NER(self.NerFF(x))
        r = self.ReFF(x)
        best = logits.argmax(-1)
        tails = torch.where(torch.isin(best, best.new_tensor(self.tail_tags)))[0]
        heads = torch.where(torch.isin(best, best.new_tensor(self.head_tags)))[0]
        u = nn.functional.celu(self.U(r[tails])).view(len(tails), x.shape[1], self.num_relations)
        w = nn.functional.celu(self.W(r[heads])).view(len(heads), x.shape[1], self.num_relations)
        products = w.permute(2, 0, 1) @ u.permute(2, 1, 0)
        distance = heads[:, None] - tails
        polynomial = distance**2 * self.alpha + distance * self.beta + self.gamma
        return logits, (products + polynomial).permute(1, 2, 0), heads, tails
