"""What was built, what is usable, and why the rest is not."""

from __future__ import annotations

import warnings

import pytest
import torch

from jnrf_ext import _loader, ops


def test_the_build_says_what_it_was_made_with():
    built = _loader.build_info()
    assert built["cpu"] is True
    assert built["torch_abi_target"] == "2.11"
    assert built["compiler"]
    assert built["cuda"] == bool(built["cuda_architectures"]) == bool(built["nvcc"])


def test_the_reason_for_no_cuda_is_one_line():
    if torch.cuda.is_available() and _loader.cuda_library_exists():
        assert _loader.cuda_error is None
    else:
        assert "\n" not in _loader.cuda_error
        assert _loader.cuda_error


def test_a_library_that_was_not_built_says_how_to_build_it():
    assert "pip install ." in _loader._load("_C_of_another_planet")


def test_every_operator_has_a_cpu_kernel():
    operators = (
        "fourier_mix",
        "fourier_mix_norm",
        "select_tokens",
        "relation_scores",
        "relation_loss",
        "relation_decode",
    )
    for name in operators:
        assert "cpu" in _loader.compiled_devices(name)
        assert callable(getattr(ops, name))


def test_a_missing_kernel_is_told_once():
    _loader.warn_reference.cache_clear()
    with pytest.warns(UserWarning, match="jnrf::mix runs as its plain-torch reference on xpu"):
        _loader.warn_reference("mix", "xpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _loader.warn_reference("mix", "xpu")
