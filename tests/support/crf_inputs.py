"""Random CRFs over packed sequences, for the tests of the CRF operators."""

from __future__ import annotations

import torch


def packed(*lengths: int) -> torch.Tensor:
    """The bounds of sequences of these lengths, int32 ``[B + 1]``."""
    return torch.tensor([0, *lengths]).cumsum(0).int()


def crf(lengths, tags: int, scale: float = 1.0, dtype=torch.float64, seed: int = 0):
    """Emissions, gold tags, transitions, start, end and bounds of random sequences."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    total = sum(lengths)
    gold = torch.randint(tags, (total,), generator=generator)
    weights = [normal(tags, tags), normal(tags), normal(tags)]
    emissions, *weights = (t.to(dtype).requires_grad_() for t in (normal(total, tags), *weights))
    return emissions, gold, *weights, packed(*lengths)


def without_gold(given):
    """What marginals and decoding take, of what the likelihood takes."""
    emissions, _, *rest = given
    return (emissions.detach(), *(t.detach() for t in rest))
