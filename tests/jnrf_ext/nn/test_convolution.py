"""Gated convolutions over packed documents."""

from __future__ import annotations

import pytest
import torch

from jnrf_ext.nn.convolution import ConvolutionLayer, neighbours


@pytest.mark.parametrize("distance", [1, 2, 7, 50])
def test_neighbours_are_those_of_the_same_document(distance):
    lengths = [0, 1, 5, 0, 12, 3]
    cu = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    x = torch.randn(sum(lengths), 4)
    before, after = neighbours(x, cu, distance)
    for start, end in zip(cu[:-1].tolist(), cu[1:].tolist(), strict=True):
        for row in range(start, end):
            expected = x[row - distance] if row - distance >= start else torch.zeros(4)
            assert torch.equal(before[row], expected)
            expected = x[row + distance] if row + distance < end else torch.zeros(4)
            assert torch.equal(after[row], expected)


def test_a_layer_is_torchs_convolution_with_a_gate_and_a_residual():
    torch.manual_seed(0)
    layer = ConvolutionLayer(6, dilation=2, dropout=0.0).double()
    x = torch.randn(11, 6, dtype=torch.float64)
    weight = layer.linear.weight.view(12, 3, 6).transpose(1, 2)
    both = torch.nn.functional.conv1d(x.T, weight, layer.linear.bias, padding=2, dilation=2).T
    expected = layer.norm(x + both[:, :6] * both[:, 6:].sigmoid())
    torch.testing.assert_close(layer(x, torch.tensor([0, 11], dtype=torch.int32)), expected)


def test_packed_documents_equal_single_ones():
    torch.manual_seed(0)
    layer = ConvolutionLayer(6, dilation=3, dropout=0.0).double()
    lengths = [4, 9, 1]
    cu = torch.tensor([0, 4, 13, 14], dtype=torch.int32)
    x = torch.randn(14, 6, dtype=torch.float64)
    alone = [layer(part, torch.tensor([0, len(part)])) for part in x.split(lengths)]
    torch.testing.assert_close(layer(x, cu), torch.cat(alone))


def test_nothing_goes_through_it():
    layer = ConvolutionLayer(6, dilation=1, dropout=0.0)
    for cu in ([0], [0, 0], [0, 0, 0]):
        assert layer(torch.zeros(0, 6), torch.tensor(cu, dtype=torch.int32)).shape == (0, 6)
