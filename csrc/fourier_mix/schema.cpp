// Fourier token mixing (FNet, Lee-Thorp et al. 2021; JNRF, Yazdani et al. 2022).
#include "core/namespace.h"

JNRF_OPERATORS(m) {
  // x [T, H] -> scale * Re FFT2 of each document. Its own adjoint. With ortho, divided by
  // sqrt(N H). With window, of each window of so many tokens, which begin anew in each document,
  // shift tokens into the first one.
  m.def(
      "fourier_mix(Tensor x, Tensor cu_seqlens, float scale=1.0, bool ortho=False, int window=0, "
      "int shift=0) -> Tensor");
  // y = LayerNorm(x + scale * Re FFT2(x)) and, with save, what the backward needs: the sum that was
  // normalised [T, H] and the mean and 1/deviation of its rows [T] (else these have no elements).
  m.def(
      "fourier_mix_norm(Tensor x, Tensor weight, Tensor bias, Tensor cu_seqlens, float eps=1e-5, "
      "float scale=1.0, bool ortho=False, int window=0, int shift=0, bool save=True) -> "
      "(Tensor y, Tensor sum, Tensor mean, Tensor rstd)");
  m.def(
      "fourier_mix_norm_backward(Tensor grad, Tensor sum, Tensor mean, Tensor rstd, Tensor weight, "
      "Tensor cu_seqlens, float scale=1.0, bool ortho=False, int window=0, int shift=0) -> "
      "(Tensor x, Tensor weight, Tensor bias)");

  // What the CUDA operators keep of cuFFT, int64 [plans, 6]: device, tokens, features, whether
  // float64, bytes of workspace, calls.
  m.def("fourier_plans() -> Tensor");
  m.def("clear_fourier_plans() -> ()");
  // How many are kept, before the call; below 0 leaves it.
  m.def("fourier_plan_limit(int plans) -> int");
  // The most tokens that the CUDA operators mix by a product instead of cuFFT, likewise.
  m.def("fourier_product_limit(int tokens) -> int");
}
