#include "cuda/fourier_mix.cuh"

#include "cuda/fourier_mix.h"
#include "cuda/launch.h"

namespace jnrf::cuda {
namespace {

constexpr unsigned kThreads = 256;

template <typename Residual, typename Out>
void epilogue(const MixEpilogue& work, void* stream) {
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
  launch("mix_epilogue", mix_epilogue<Residual, Out>, Grid{tokens}, kThreads, shared, stream,
         typed);
}

template <typename T>
void backward(const MixNormBackward& work, void* stream) {
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
  launch("norm_backward", norm_backward<T>, Grid{parts}, kThreads, 2 * work.hidden * sizeof(float),
         stream, typed);
  launch("sum_partials", sum_partials<T>, Grid{blocks_for(work.hidden, kThreads)}, kThreads, 0,
         stream, work.partial, work.parts, work.hidden, static_cast<T*>(work.grad_weight),
         static_cast<T*>(work.grad_bias));
}

}  // namespace

void launch_mix_epilogue(const MixEpilogue& work, void* stream) {
  if (!work.bfloat16) {
    epilogue<float, float>(work, stream);
  } else if (work.float_residual) {
    epilogue<float, bfloat16>(work, stream);
  } else {
    epilogue<bfloat16, bfloat16>(work, stream);
  }
}

void launch_norm_backward(const MixNormBackward& work, void* stream) {
  if (work.bfloat16) {
    backward<bfloat16>(work, stream);
  } else {
    backward<float>(work, stream);
  }
}

}  // namespace jnrf::cuda
