"""Recurrent layers on packed documents."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from jnrf_ext.errors import InputError
from jnrf_ext.nn.recurrent import BiRecurrent, RecurrentLayer, time_order

LENGTHS = [3, 0, 1, 5, 5, 2, 0]


def packed(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def gradients(out, *inputs):
    weight = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=out.dtype)
    return torch.autograd.grad((out * weight).sum(), inputs)


@given(st.lists(st.integers(0, 6), max_size=6))
def test_time_order_reads_each_document_forwards_and_backwards(lengths):
    bounds = packed(*lengths)
    steps = time_order(bounds)
    documents = sorted(
        (list(range(a, b)) for a, b in pairwise(bounds.tolist())),
        key=len,
        reverse=True,
    )
    longest = max(lengths, default=0)
    for way in range(2):
        read = [d[::-1] if way else d for d in documents]
        expected = [d[t] for t in range(longest) for d in read if t < len(d)]
        assert steps.rows[way].tolist() == expected
        assert steps.rows[way][steps.places[way]].tolist() == list(range(sum(lengths)))
    assert steps.batch_sizes.tolist() == [sum(n > t for n in lengths) for t in range(longest)]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("lengths", [LENGTHS, [1], [7], [4, 4, 4]])
def test_a_recurrence_of_ours_equals_torchs_in_values_and_gradients(cell, lengths):
    torch.manual_seed(0)
    layer = BiRecurrent(6, 4, cell).double()
    x = torch.randn(sum(lengths), 6, dtype=torch.float64, requires_grad=True)
    steps = time_order(packed(*lengths))
    ours, torchs = layer._step_by_step(x, steps), layer._by_torch(x, steps)
    torch.testing.assert_close(ours, torchs)
    inputs = [x, *layer.parameters()]
    for got, wanted in zip(gradients(ours, *inputs), gradients(torchs, *inputs), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_packed_documents_equal_torchs_layer_on_each_of_them(cell):
    torch.manual_seed(0)
    layer = RecurrentLayer(8, cell, 0.0).double()
    x = torch.randn(sum(LENGTHS), 8, dtype=torch.float64)
    single = [layer.recurrent.rnn(part)[0] for part in x.split(LENGTHS) if len(part)]
    torch.testing.assert_close(layer(x, packed(*LENGTHS)), torch.cat(single))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_gradients_of_a_recurrence_are_those_of_its_values(cell):
    torch.manual_seed(0)
    layer = BiRecurrent(3, 2, cell).double()
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, packed(3, 1, 0, 2)), x)


def test_layers_may_share_the_steps_of_a_batch():
    layer = RecurrentLayer(8, "gru", 0.0)
    x, bounds = torch.randn(11, 8), packed(4, 7)
    assert torch.equal(layer(x, time_order(bounds)), layer(x, bounds))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_long_document_keeps_its_gradients(cell):
    torch.manual_seed(0)
    layer = RecurrentLayer(4, cell, 0.0)
    x = torch.randn(3000, 4, requires_grad=True)
    layer(x, packed(3000)).square().mean().backward()
    assert x.grad.abs().amin(dim=1).min() > 0
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())


@pytest.mark.parametrize("bounds", [(), (0,), (0, 0)])
def test_no_rows_give_no_rows_and_no_gradient(bounds):
    layer = RecurrentLayer(8, "lstm", 0.5)
    out = layer(torch.zeros(0, 8), packed(*bounds))
    assert out.shape == (0, 8)
    out.sum().backward()
    assert not any(p.grad.any() for p in layer.parameters())


def test_dropout_is_on_the_input_in_training_alone():
    torch.manual_seed(0)
    layer, x = RecurrentLayer(8, "gru", 0.5), torch.randn(9, 8)
    assert not torch.equal(layer(x, packed(9)), layer(x, packed(9)))
    layer.eval()
    assert torch.equal(layer(x, packed(9)), layer.recurrent(x, packed(9)))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_under_autocast_the_sums_over_steps_are_float32(cell):
    torch.manual_seed(0)
    layer, narrow = RecurrentLayer(8, cell, 0.0), nn.Linear(8, 8)
    x = torch.randn(9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        rows = narrow(x)
        out = layer(rows, packed(4, 5))
    out.sum().backward()
    assert rows.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    assert torch.equal(out, layer(rows.float(), packed(4, 5)))
    got = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    layer(rows.detach().float(), packed(4, 5)).sum().backward()
    assert all(torch.equal(g, p.grad) for g, p in zip(got, layer.parameters(), strict=True))


def test_settings_that_cannot_be_are_named():
    with pytest.raises(InputError, match="hidden_size=7 must be even"):
        RecurrentLayer(7, "lstm", 0.0)
    with pytest.raises(InputError, match="cell='rnn' is not known; use one of lstm, gru"):
        RecurrentLayer(8, "rnn", 0.0)
