"""Layers one after another, shared by the tasks or of one alone."""

from __future__ import annotations

import pytest
import torch

from jnrf_ext import JNRF, JNRFConfig, Schema
from jnrf_ext.nn.convolution import ConvolutionLayer
from jnrf_ext.nn.layers import FourierLayer
from jnrf_ext.nn.recurrent import RecurrentLayer
from jnrf_ext.nn.stack import Stack
from jnrf_ext.packing.outline import Layout

SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})


def config(**settings) -> JNRFConfig:
    values = {"vocab_size": 20, "embedding_size": 6, "hidden_size": 8, "num_layers": 2}
    values |= {"mixing_windows": [], "use_surface": False, "layer_dropout": 0.0, "schema": SCHEMA}
    return JNRFConfig(**(values | settings))


def bounds(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def build(count: int, windows=(), shared: bool = False, **settings) -> Stack:
    torch.manual_seed(0)
    return Stack(config(**settings), count, list(windows), shared).double().eval()


def rows(count: int) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize(
    ("kind", "module"),
    [
        ("fourier", FourierLayer),
        ("lstm", RecurrentLayer),
        ("gru", RecurrentLayer),
        ("convolution", ConvolutionLayer),
    ],
)
def test_layers_are_of_the_kind_that_was_asked_for(kind, module):
    stack = build(3, layer_kind=kind)
    assert [type(layer) for layer in stack] == [module] * 3
    assert stack(rows(5), Layout.plain(bounds(5))).shape == (5, 8)


def test_no_layers_change_nothing():
    x = rows(4)
    for shared in (False, True):
        assert build(0, shared=shared)(x, Layout.plain(bounds(4))) is x


def test_fourier_layers_mix_in_their_windows_every_second_half_a_window_in():
    stack = build(2, windows=[4, 4])
    x, layout = rows(11), Layout.plain(bounds(11))
    expected = stack[0](x, layout.cu_rows, 4, 1)
    expected = stack[1](expected, layout.cu_rows, 4, 3)
    torch.testing.assert_close(stack(x, layout, phase=1), expected)


def test_shared_layers_are_one_applied_so_often():
    stack = build(3, shared=True)
    x, layout = rows(5), Layout.plain(bounds(5))
    expected = x
    for _ in range(3):
        expected = stack[0](expected, layout.cu_rows)
    assert len(stack) == 1
    torch.testing.assert_close(stack(x, layout), expected)


def test_recurrent_layers_stop_at_segments_and_fourier_layers_at_documents():
    layout = Layout(bounds(6), bounds(2, 4), bounds(2, 4))
    x = rows(6)
    changed = x.clone()
    changed[4] += 1
    for kind, reaches in (("lstm", False), ("gru", False), ("fourier", True)):
        stack = build(2, layer_kind=kind)
        same = torch.allclose(stack(x, layout)[:2], stack(changed, layout)[:2])
        assert same is not reaches


@pytest.mark.parametrize("kind", ["fourier", "lstm", "convolution"])
def test_packed_documents_equal_single_ones(kind):
    stack = build(2, layer_kind=kind)
    x, lengths = rows(12), [3, 0, 8, 1]
    together = stack(x, Layout.plain(bounds(*lengths)))
    for part, alone in zip(x.split(lengths), together.split(lengths), strict=True):
        torch.testing.assert_close(stack(part, Layout.plain(bounds(len(part)))), alone)


# ------------------------------------------------------------------ in a model


def test_layers_of_a_task_serve_it_alone():
    torch.manual_seed(0)
    model = JNRF(config(tag_task_layers=1, relation_task_layers=2)).eval()
    assert (len(model.tag_task_layers), len(model.relation_task_layers)) == (1, 2)
    ids, cu = torch.arange(9), bounds(9)
    for task, own, other in (
        (0, model.tag_task_layers, model.relation_task_layers),
        (1, model.relation_task_layers, model.tag_task_layers),
    ):
        model.zero_grad()
        model.encode(ids, cu, None)[task].square().sum().backward()
        assert all(p.grad is not None for p in own.parameters())
        assert all(p.grad is None for p in other.parameters())
        assert all(p.grad is not None for p in model.layers.parameters())


def test_without_layers_of_their_own_the_tasks_have_the_same_rows():
    x, y = JNRF(config()).eval().encode(torch.arange(9), bounds(9), None)
    assert x is y
