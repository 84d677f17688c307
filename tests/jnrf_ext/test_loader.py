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


def test_a_missing_kernel_is_told_once(monkeypatch):
    monkeypatch.setattr(_loader, "_warned", set())
    xpu = torch.device("xpu")
    with pytest.warns(UserWarning, match="jnrf::mix runs as its plain-torch reference on xpu"):
        _loader.warn_reference("mix", xpu)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _loader.warn_reference("mix", xpu)


@pytest.fixture
def gpus(monkeypatch):
    """Two GPUs, an A10 and an H100, and a library that is loaded and has code for the H100."""
    capabilities = [(8, 6), (9, 0)]
    built = {"cuda_architectures": ["90-real"], "nvcc": "release 13.0"}
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: capabilities[i])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: ["NVIDIA A10", "NVIDIA H100"][i])
    monkeypatch.setattr(_loader, "build_info", lambda: built)
    monkeypatch.setattr(_loader, "compiled_devices", lambda operator: {"cpu", "cuda", "meta"})
    monkeypatch.setattr(_loader, "cuda_error", None)
    monkeypatch.setattr(_loader, "_found", set())
    monkeypatch.setattr(_loader, "_warned", set())
    _loader.gpu_error.cache_clear()
    yield built
    _loader.gpu_error.cache_clear()


def test_kernels_run_on_the_gpus_that_they_have_code_for(gpus):
    assert not _loader.has_kernel("crf_nll", torch.device("cuda", 0))
    assert _loader.has_kernel("crf_nll", torch.device("cuda", 1))
    assert _loader.has_kernel("crf_nll", torch.device("cpu"))
    assert _loader.gpu_error(1) is None


def test_a_gpu_without_code_is_told_once_for_all_operators(gpus):
    a10 = torch.device("cuda", 0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for operator in ("crf_nll", "fourier_mix", "crf_nll"):
            _loader.warn_reference(operator, a10)
    (message,) = [str(warning.message) for warning in told]
    assert "All operators of jnrf_ext run as their plain-torch references" in message
    assert "cuda:0: NVIDIA A10 has compute capability 8.6" in message
    assert 'TORCH_CUDA_ARCH_LIST="8.6" pip install .' in message


def test_a_library_without_a_note_is_taken_at_its_word(gpus):
    del gpus["cuda_architectures"]
    assert _loader.has_kernel("crf_nll", torch.device("cuda", 0))


@pytest.mark.parametrize(("driver", "runs"), [(12080, False), (13000, True), (13010, True)])
def test_ptx_runs_where_the_driver_is_as_new_as_nvcc(gpus, monkeypatch, driver, runs):
    gpus["cuda_architectures"] = ["80-virtual"]
    monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: driver, raising=False)
    assert _loader.has_kernel("crf_nll", torch.device("cuda", 0)) == runs


def test_without_the_library_no_gpu_is_asked(gpus, monkeypatch):
    monkeypatch.setattr(_loader, "compiled_devices", lambda operator: {"cpu", "meta"})
    monkeypatch.setattr(_loader, "cuda_error", "not compiled")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda i: pytest.fail("asked"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for index in (0, 1):
            device = torch.device("cuda", index)
            assert not _loader.has_kernel("crf_nll", device)
            _loader.warn_reference("crf_nll", device)
    (message,) = [str(warning.message) for warning in told]
    assert message.endswith("on cuda: not compiled")


def test_why_cuda_was_not_compiled_is_remembered(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(_loader, "cuda_library_exists", lambda: False)
    monkeypatch.setattr(_loader, "build_info", lambda: {"no_cuda_because": "nvcc 11.5 is too old"})
    assert _loader._load_cuda() == "the CUDA library was not compiled: nvcc 11.5 is too old"


def test_asking_for_a_kernel_breaks_no_graph():
    def step(x, bounds):
        return ops.fourier_mix(x, bounds) + 1

    x, bounds = torch.randn(5, 4), torch.tensor([0, 2, 5], dtype=torch.int32)
    compiled = torch.compile(step, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x, bounds), step(x, bounds))
