#include "cuda/fourier_mix.cuh"

#include <cuda_bf16.h>

#include "cuda/fourier_mix.h"

namespace jnrf::cuda {
namespace {

constexpr unsigned kThreads = 256;

const char* last_error() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

template <typename Residual, typename Out>
void epilogue(const MixEpilogue& work, cudaStream_t stream) {
  const Epilogue<Residual, Out> typed{work.spectrum,
                                      static_cast<const Residual*>(work.residual),
                                      static_cast<Out*>(work.out),
                                      static_cast<const Out*>(work.weight),
                                      static_cast<const Out*>(work.bias),
                                      work.sum,
                                      work.mean,
                                      work.rstd,
                                      work.eps,
                                      work.scale,
                                      work.length,
                                      work.hidden};
  const size_t shared = work.weight ? work.hidden * sizeof(float) : 0;
  const auto tokens = static_cast<unsigned>(work.documents * work.length);
  mix_epilogue<Residual, Out><<<tokens, kThreads, shared, stream>>>(typed);
}

template <typename T>
void backward(const MixNormBackward& work, cudaStream_t stream) {
  const NormBackward<T> typed{static_cast<const T*>(work.grad),
                              work.sum,
                              work.mean,
                              work.rstd,
                              static_cast<const T*>(work.weight),
                              work.grad_sum,
                              work.partial,
                              work.tokens,
                              work.hidden};
  const auto parts = static_cast<unsigned>(work.parts);
  norm_backward<T><<<parts, kThreads, 2 * work.hidden * sizeof(float), stream>>>(typed);
  const auto blocks = static_cast<unsigned>((work.hidden + kThreads - 1) / kThreads);
  sum_partials<T><<<blocks, kThreads, 0, stream>>>(work.partial, work.parts, work.hidden,
                                                   static_cast<T*>(work.grad_weight),
                                                   static_cast<T*>(work.grad_bias));
}

}  // namespace

const char* launch_mix_epilogue(const MixEpilogue& work, void* stream) {
  const auto on = static_cast<cudaStream_t>(stream);
  if (!work.bfloat16) {
    epilogue<float, float>(work, on);
  } else if (work.float_residual) {
    epilogue<float, __nv_bfloat16>(work, on);
  } else {
    epilogue<__nv_bfloat16, __nv_bfloat16>(work, on);
  }
  return last_error();
}

const char* launch_norm_backward(const MixNormBackward& work, void* stream) {
  const auto on = static_cast<cudaStream_t>(stream);
  if (work.bfloat16) {
    backward<__nv_bfloat16>(work, on);
  } else {
    backward<float>(work, on);
  }
  return last_error();
}

}  // namespace jnrf::cuda
