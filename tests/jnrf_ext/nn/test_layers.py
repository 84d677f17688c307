"""The layers on packed documents."""

from __future__ import annotations

import pytest
import torch
from no_waits import NoWaits

from jnrf_ext.nn.layers import (
    Dropout,
    FourierLayer,
    GatedMixing,
    Mlp,
    SinusoidalPositions,
)


def test_positions_start_anew_in_each_document():
    positions = SinusoidalPositions(8)
    packed = positions(torch.zeros(5), torch.tensor([0, 3, 3, 5], dtype=torch.int32))
    table = positions.table(3, torch.device("cpu"))
    assert torch.equal(packed, torch.cat([table, table[:2]]))


def test_positions_have_no_upper_limit():
    table = SinusoidalPositions(4).table(200_000, torch.device("cpu"))
    exact = torch.arange(200_000, dtype=torch.float64)
    # float32 angles near 2e5 are exact to about 0.01 radian.
    assert (table[:, 0].double() - exact.sin()).abs().max() < 0.02


def test_positions_of_no_documents_are_empty():
    positions = SinusoidalPositions(8)
    assert positions(torch.zeros(0), torch.tensor([0], dtype=torch.int32)).shape == (0, 8)


@pytest.mark.parametrize("bounds_on", ["cpu", "meta"])
def test_positions_off_the_cpu_wait_for_nothing(bounds_on):
    with torch.device("meta"):
        positions = SinusoidalPositions(8)
        x = torch.zeros(5)
    bounds = torch.tensor([0, 3, 3, 5], dtype=torch.int32).to(bounds_on)
    with NoWaits() as log:
        packed = positions(x, bounds, 2)
    assert packed.shape == (5, 8)
    assert packed.device.type == "meta"
    assert "token_positions" in log.operators


@pytest.mark.parametrize("window", [0, 4])
def test_a_packed_layer_equals_its_documents_one_by_one(window):
    torch.manual_seed(0)
    layer = FourierLayer(16, 3, 0.0, 1.0, ortho=True).double()
    lengths = [1, 7, 16]
    x = torch.randn(sum(lengths), 16, dtype=torch.float64)
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    packed = layer(x, bounds, window)
    single = [
        layer(part, torch.tensor([0, len(part)], dtype=torch.int32), window)
        for part in x.split(lengths)
    ]
    torch.testing.assert_close(packed, torch.cat(single))


def test_the_perceptron_has_one_output_layer_more_than_its_depth():
    mlp = Mlp(4, 6, 3)
    assert len([m for m in mlp.modules() if isinstance(m, torch.nn.Linear)]) == 4
    assert mlp(torch.zeros(5, 4)).shape == (5, 6)


@pytest.mark.parametrize("p", [0.1, 0.15, 0.5])
def test_dropout_keeps_the_mean_and_drops_the_share_asked_for(p):
    torch.manual_seed(0)
    x = torch.ones(1000, 333, requires_grad=True)
    y = Dropout(p)(x)
    share = round(p * 256) / 256
    # Five standard deviations of a mean over 333,000 draws.
    assert abs((y == 0).float().mean().item() - share) < 5 * (share * (1 - share) / 333_000) ** 0.5
    assert y.detach().unique().tolist() == [0.0, pytest.approx(1 / (1 - share))]
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_masks_follow_the_seed_and_differ_from_call_to_call():
    dropout = Dropout(0.5)
    torch.manual_seed(3)
    first, second = dropout(torch.ones(7, 11)), dropout(torch.ones(7, 11))
    torch.manual_seed(3)
    assert torch.equal(first, dropout(torch.ones(7, 11)))
    assert not torch.equal(first, second)


def test_dropout_is_nothing_in_evaluation_and_without_a_share():
    x = torch.randn(5, 3)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()


def test_gated_mixing_adds_the_transform_of_whole_documents():
    mixing = GatedMixing(6).double()
    x = torch.randn(9, 6, dtype=torch.float64)
    cu = torch.tensor([0, 4, 4, 9], dtype=torch.int32)
    assert torch.equal(mixing(x, cu), x)
    torch.nn.init.normal_(mixing.gate)
    mixed = [torch.fft.fft2(part, norm="ortho").real for part in x.split([4, 5])]
    torch.testing.assert_close(mixing(x, cu), x + mixing.gate * torch.cat(mixed))
