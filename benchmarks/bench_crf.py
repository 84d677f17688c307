"""The linear-chain CRF against pytorch-crf, which loops over the steps in Python.

The floor counts bytes and operations only; that the steps follow one another it does not know.
"""

from __future__ import annotations

import pytest
import torch
from comparison import assert_agree
from floors import Least
from torch import Tensor

from jnrf_ext import ops

TAGS = 19


class Chain:
    """One sequence, and the peer's model with weights that both use."""

    def __init__(self, length: int, device: torch.device):
        peer = pytest.importorskip("torchcrf", reason="pip install pytorch-crf")
        generator = torch.Generator().manual_seed(0)
        self.length = length
        emissions = torch.randn(length, TAGS, generator=generator).to(device)
        self.emissions = emissions.requires_grad_()
        self.tags = torch.randint(TAGS, (length,), generator=generator).to(device)
        self.crf = peer.CRF(TAGS).to(device)
        with torch.no_grad():
            for weight in self.crf.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) / 4)
        self.cu_seqlens = torch.tensor([0, length], dtype=torch.int32)
        self.mask = torch.ones(length, 1, dtype=torch.bool, device=device)

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, start and end."""
        return self.crf.transitions, self.crf.start_transitions, self.crf.end_transitions

    @property
    def size(self) -> str:
        return f"L={self.length} C={TAGS}"

    def gradients(self, loss: Tensor) -> list[Tensor]:
        return [loss.detach(), *torch.autograd.grad(loss, (self.emissions, *self.weights))]


def test_nll(compare, device):
    """Forward and backward. Float32 in logarithms, as the peer computes, is off by more than 1."""
    chain = Chain(4096, device)

    def ours():
        loss = ops.crf_nll(chain.emissions, chain.tags, *chain.weights, chain.cu_seqlens).sum()
        return chain.gradients(loss)

    def peer():
        emissions, tags = chain.emissions.unsqueeze(1), chain.tags.unsqueeze(1)
        return chain.gradients(-chain.crf(emissions, tags, mask=chain.mask))

    compare(
        "crf_nll forward+backward",
        chain.size,
        ours,
        peer,
        peer_name="pytorch-crf",
        target=100.0 if device.type == "cuda" else 30.0,
        tolerance=1e-2,
        memory=True,
        # Forward, backward and the transitions' gradient each multiply and add C x C a step.
        least=Least(2 * 4 * chain.length * TAGS, {"plain": 3 * 2.0 * chain.length * TAGS**2}),
    )


def test_decode(compare, device):
    chain = Chain(4096, device)

    def ours():
        with torch.no_grad():
            return ops.crf_decode(chain.emissions, *chain.weights, chain.cu_seqlens)[0].tolist()

    def peer():
        with torch.no_grad():
            return chain.crf.decode(chain.emissions.unsqueeze(1), mask=chain.mask)[0]

    def agree(found, expected):
        """Float32 may find another path of nearly the same score."""
        assert len(found) == len(expected)
        assert_agree(score(chain, found), score(chain, expected), 1e-5)

    compare(
        "crf_decode",
        chain.size,
        ours,
        peer,
        agree=agree,
        peer_name="pytorch-crf",
        target=100.0 if device.type == "cuda" else 30.0,
        least=Least(4 * chain.length * TAGS, {"plain": 2.0 * chain.length * TAGS**2}),
    )


def score(chain: Chain, path: list[int]) -> float:
    """Of one path of tags, in float64."""
    tags = torch.tensor(path)
    emissions = chain.emissions.detach().cpu().double()
    transitions, start, end = (weight.detach().cpu().double() for weight in chain.weights)
    steps = emissions.gather(1, tags[:, None]).sum() + transitions[tags[:-1], tags[1:]].sum()
    return float(start[tags[0]] + steps + end[tags[-1]])
