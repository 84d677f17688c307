# The CUDA kernels, their launchers and the torch side of their operators. nvcc builds these into
# the package; the host compiler builds them again for the tests (csrc/tests).
set(JNRF_CUDA_SOURCES
  csrc/crf/cuda/op.cpp
  csrc/crf/cuda/passes.cu
  csrc/crf/cuda/viterbi.cu
  csrc/device/bounds.cu
  csrc/fourier_mix/cuda/cufft/cufft.cpp
  csrc/fourier_mix/cuda/cufft/plans.cu
  csrc/fourier_mix/cuda/dispatch.cpp
  csrc/fourier_mix/cuda/layer_norm_backward.cu
  csrc/fourier_mix/cuda/methods/column_fft.cu
  csrc/fourier_mix/cuda/methods/dft_gemm.cu
  csrc/fourier_mix/cuda/methods/fft_2d.cu
  csrc/fourier_mix/cuda/methods/window.cu
  csrc/fourier_mix/cuda/op.cpp
  csrc/fourier_mix/cuda/pieces.cu
  csrc/positions/cuda/launchers.cu
  csrc/positions/cuda/op.cpp
  csrc/relation/cuda/decode.cu
  csrc/relation/cuda/gradient.cu
  csrc/relation/cuda/op.cpp
  csrc/relation/cuda/plan.cu
  csrc/relation/cuda/scores.cu
  csrc/select/cuda/launchers.cu
  csrc/select/cuda/op.cpp
)
