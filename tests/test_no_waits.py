"""The proof that nothing waits for a device would notice what does."""

from __future__ import annotations

import pytest
import torch
from no_waits import NoWaits

X = torch.zeros(4, device="meta")


@pytest.mark.parametrize(
    "wait",
    [
        lambda: X[0].item(),
        lambda: X.tolist(),
        lambda: bool(X[0] > 0),
        lambda: torch.where(X > 0),
        lambda: X[X > 0],
        lambda: X.masked_select(X > 0),
        lambda: torch.unique(X),
        lambda: X.repeat_interleave(X.int()),
        lambda: X.cpu(),
        lambda: torch.zeros(4).to("meta"),
        lambda: torch.tensor([1.0, 2.0], device="meta"),
        lambda: X.copy_(torch.zeros(4)),
    ],
)
def test_what_waits_is_found(wait):
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), NoWaits():
        wait()


def test_what_does_not_wait_passes():
    with NoWaits() as log:
        torch.where(X > 0, X, 1.0)[torch.zeros(2, dtype=torch.int64, device="meta")].sum()
        torch.zeros(4).to("meta", non_blocking=True)
        X.copy_(torch.zeros(4), non_blocking=True)
        torch.zeros(3)[torch.ones(3, dtype=torch.bool)].sum().item()  # on the host it is no wait
    assert "where" in log.operators
