"""Floors of time from bytes and operations, and what machines are measured to do at most."""

from __future__ import annotations

import pytest
import torch
from floors import Ceilings, Least, measure

# 1 GB/s; 8 and 2 and 1 operations a nanosecond.
GPU = Ceilings(1e9, {"bfloat16": 8e9, "tf32": 6e9, "float32": 1e9, "float64": 0.5e9}, "today")
CPU = Ceilings(1e9, {"bfloat16": 8e9, "float32": 1e9, "float64": 0.5e9}, "today")


def test_bytes_bound():
    floor = GPU.floor(Least(4e6, {"bfloat16": 8e6}))
    assert (floor.bytes_ms, floor.operations_ms) == pytest.approx((4.0, 1.0))
    assert floor.ms == pytest.approx(4.0)


def test_operations_of_all_kinds_add_up():
    floor = GPU.floor(Least(1e6, {"bfloat16": 8e6, "float64": 1e6, "plain": 3e6}))
    assert floor.operations_ms == pytest.approx(1.0 + 2.0 + 3.0)
    assert floor.ms == pytest.approx(6.0)


def test_float32_products_may_use_the_matrix_units():
    """Three TF32 products are one of float32's accuracy, where that is faster."""
    assert GPU.floor(Least(0, {"float32": 2e6})).ms == pytest.approx(1.0)
    assert CPU.floor(Least(0, {"float32": 2e6})).ms == pytest.approx(2.0)
    # Other float32 work may not.
    assert GPU.floor(Least(0, {"plain": 2e6})).ms == pytest.approx(2.0)


def test_unknown_kind_of_operation():
    with pytest.raises(KeyError, match="int8"):
        GPU.floor(Least(0, {"int8": 1.0}))


def test_measured_ceilings_are_of_this_world():
    """Between a slow laptop and ten of today's fastest GPUs; the setting for TF32 is as before."""
    before = torch.backends.cuda.matmul.allow_tf32
    found = measure(torch.device("cpu"))
    assert torch.backends.cuda.matmul.allow_tf32 == before
    assert 5e8 < found.copy < 1e14
    assert set(found.rates) == {"bfloat16", "float32", "float64"}
    assert all(1e8 < rate < 1e17 for rate in found.rates.values())
    assert "GB/s" in str(found)
