# The CUDA kernels, their launchers and the torch side of their operators. nvcc builds these into
# the package; the host compiler builds them again for the tests (csrc/tests).
set(JNRF_CUDA_SOURCES
  csrc/cuda/bounds.cu
  csrc/cuda/cufft.cpp
  csrc/cuda/crf.cu
  csrc/cuda/crf_op.cpp
  csrc/cuda/crf_viterbi.cu
  csrc/cuda/fourier_mix.cu
  csrc/cuda/fourier_mix_columns.cu
  csrc/cuda/fourier_mix_op.cpp
  csrc/cuda/fourier_mix_product.cu
  csrc/cuda/fourier_mix_ways.cpp
  csrc/cuda/fourier_mix_windows.cu
  csrc/cuda/fourier_plans.cu
  csrc/cuda/packed.cu
  csrc/cuda/packed_op.cpp
  csrc/cuda/relation_decode.cu
  csrc/cuda/relation_gradient.cu
  csrc/cuda/relation_op.cpp
  csrc/cuda/relation_plan.cu
  csrc/cuda/relation_scores.cu
  csrc/cuda/select.cu
  csrc/cuda/select_op.cpp
)
