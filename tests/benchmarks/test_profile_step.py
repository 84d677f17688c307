"""What the profile of a training step says of a trace."""

from __future__ import annotations

import pytest
from profile_step import kind_of, summarise


def event(category: str, name: str, start: float = 0.0, duration: float = 1.0) -> dict:
    return {"ph": "X", "cat": category, "name": name, "ts": start, "dur": duration}


GEMM = "nvjet_hsh_128x256_64x4_1x2_h_bz_coopA_NTN"
OURS = "void jnrf::cuda::mix_epilogue<float, float>(jnrf::cuda::Epilogue<float, float>)"
EVENTS = [
    {"ph": "M", "name": "process_name"},
    event("kernel", GEMM, 100.0, 40.0),
    event("kernel", OURS, 145.0, 10.0),  # 5 idle before it
    event("kernel", GEMM, 150.0, 20.0),  # on another stream, half of it beside the one above
    event("gpu_memcpy", "Memcpy DtoH (Device -> Pinned)", 200.0, 2.0),  # 30 idle
    event("gpu_memset", "Memset (Device)", 202.0, 1.0),
    event("cuda_runtime", "cudaLaunchKernelExC"),
    event("cuda_driver", "cuLaunchKernelEx"),
    event("cuda_runtime", "cudaLaunchKernel"),
    event("cuda_runtime", "cudaStreamSynchronize"),
    event("cuda_runtime", "cudaMemcpyAsync"),
    event("cpu_op", "aten::mm", 90.0, 500.0),
]


def test_summary_of_two_steps():
    profile = summarise(EVENTS, steps=2)
    assert profile.span == pytest.approx(103 / 2)
    assert profile.busy == pytest.approx((40 + 25 + 3) / 2)  # the overlap counts once
    assert profile.by_kind["matrix products"] == pytest.approx(30)
    assert profile.by_kind["ours"] == pytest.approx(5)
    assert profile.by_kind["copies, fills"] == pytest.approx(1.5)
    assert (profile.launches, profile.waits, profile.copies_to_host) == (1.5, 0.5, 0.5)
    assert profile.kernels == 2.5
    assert (profile.long_gaps, profile.longest_gap) == (0.5, 30.0)
    assert profile.top[0] == (GEMM, 30.0, 1.0)
    assert profile.share("matrix products") == pytest.approx(30 / 34)
    text = str(profile)
    assert "88.2%" in text
    assert "idle 34.0%" in text


def test_a_trace_without_kernels_is_an_error():
    with pytest.raises(ValueError, match="no kernel"):
        summarise([event("cpu_op", "aten::mm")], steps=1)


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        (GEMM, "matrix products"),
        ("sm90_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize128x128x32", "matrix products"),
        ("void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm>(Params)", "matrix products"),
        ("void jnrf::cuda::relation_norm<float>(int)", "ours"),
        ("void regular_fft<1024u, EPT<4u>>(kernel_arguments_t<unsigned int>)", "FFT"),
        ("void at::native::multi_tensor_apply_kernel<FusedAdamMathFunctor>(T)", None),
        ("Memcpy HtoD (Pinned -> Device)", "copies, fills"),
        ("void at::native::reduce_kernel<512, 1, ReduceOp<float>>(R)", "reductions"),
        ("void at::native::vectorized_elementwise_kernel<4, AddFunctor>(int)", "elementwise"),
        ("something_new", "other"),
    ],
)
def test_kind_of_kernel(kernel, kind):
    assert kind_of(kernel) == (kind or "optimizer, clipping")
