"""Kernels by their names in the source."""

from __future__ import annotations

import pytest
from kernel_names import shorten


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (
            "void jnrf::cuda::mix_epilogue<float, __nv_bfloat16>"
            "(jnrf::cuda::Epilogue<float, __nv_bfloat16>)",
            "mix_epilogue<float, bfloat16>",
        ),
        ("void jnrf::cuda::(anonymous namespace)::tile<(int)64, (bool)1>(float*)", "tile<64, 1>"),
        ("jnrf::cuda::plan(int const*, void (*)(int))", "plan"),
        ("_Z5other", "_Z5other"),
    ],
)
def test_shorten(name, short):
    assert shorten(name) == short
