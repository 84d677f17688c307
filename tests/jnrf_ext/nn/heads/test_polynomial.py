"""The paper's relation head: what it projects, and in which width."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from jnrf_ext.nn.heads.polynomial import PolynomialHead
from jnrf_ext.nn.selection import Selection


def listed(heads: list[int], tails: list[int]) -> Selection:
    bounds = [0, len(heads)], [0, len(tails)]
    return Selection.of_lists(heads, tails, *bounds, torch.device("cpu"))


def test_projecting_selected_tokens_equals_selecting_projected_ones():
    torch.manual_seed(0)
    head = PolynomialHead(8, 3, 2, 5, 0.0).double()
    x = torch.randn(10, 8, dtype=torch.float64)
    heads, tails, everything = [1, 4, 9], [4, 5], list(range(10))
    w, u = head.project(x, listed(heads, tails))
    w_all, u_all = head.project(x, listed(everything, everything))
    torch.testing.assert_close(w, w_all[heads])
    torch.testing.assert_close(u, u_all[tails])
    assert w.shape == (3, 3, 5)


def test_no_selected_tokens_project_to_nothing():
    head = PolynomialHead(8, 3, 2, 5, 0.0)
    w, u = head.project(torch.randn(4, 8), listed([], []))
    assert w.shape == u.shape == (0, 3, 5)


NEEDS_CUDA_BUILD = pytest.mark.skipif(
    torch.version.cuda is None, reason="tensors that claim to be on CUDA need a CUDA build of torch"
)


@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        ("cpu", torch.float32),
        pytest.param("cuda", torch.bfloat16, marks=NEEDS_CUDA_BUILD),
    ],
)
def test_under_autocast_the_relation_operands_stay_narrow_on_cuda_alone(device, dtype, monkeypatch):
    """On tensors without values, which may be on a device that is not there."""
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    with FakeTensorMode(), torch.device(device):
        head = PolynomialHead(8, 3, 2, 5, 0.0, scale=0.3)
        rows, bounds = torch.arange(4), torch.zeros(2, dtype=torch.int32)
        selection = Selection(rows, rows, rows[:2], bounds, bounds, dropped=rows[0])
        with torch.autocast(device, torch.bfloat16):
            w, u = head.project(torch.zeros(6, 8), selection)
    assert (w.dtype, u.dtype) == (dtype, dtype)
    assert (w.shape, u.shape) == ((4, 3, 5), (2, 3, 5))
    assert w.device.type == device
