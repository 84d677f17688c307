"""Random CRFs over packed sequences, for the tests of the CRF operators."""

from __future__ import annotations

import torch

#: What is left of float64 results in the output's type; bfloat16 has float32 losses and gradients.
ROUNDING = {torch.float64: 1e-12, torch.float32: 3e-7, torch.bfloat16: 3e-7}


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


def rounded(given, dtype: torch.dtype):
    """The same numbers as the operator's types have them, and in float64."""
    weights = torch.float32 if dtype == torch.bfloat16 else dtype
    emissions, gold, *scores, bounds = (t.detach() for t in given)
    typed = (emissions.to(dtype), gold, *(t.to(weights) for t in scores), bounds)
    return typed, tuple(t.double() if t.is_floating_point() else t for t in typed)


def on_cpu(results):
    """Tensors where they can be compared."""
    return [t.cpu() for t in results]


def close(got: torch.Tensor, wanted: torch.Tensor, rounding: float, dtype=None) -> None:
    """Equal but for rounding, and of a dtype."""
    assert got.dtype == (dtype or got.dtype)
    torch.testing.assert_close(got.double(), wanted.double(), rtol=rounding, atol=rounding)
