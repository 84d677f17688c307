#include "fourier_mix/cuda/layer_norm_backward.cuh"

#include <algorithm>

#include "fourier_mix/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

constexpr int64_t kMostParts = 264;

size_t norm_bytes(int64_t hidden, MixType type) { return 2 * hidden * wide_size(type); }

}  // namespace

int64_t most_hidden(MixType type) {
  return static_cast<int64_t>(shared_memory_limit() / norm_bytes(1, type));
}

int64_t norm_parts(int64_t tokens, int64_t hidden, MixType type) {
  return std::min<int64_t>(blocks_for(tokens, warps_with(norm_bytes(hidden, type))), kMostParts);
}

void launch_norm_backward(const MixNormBackward& work, void* stream) {
  const size_t bytes = norm_bytes(work.hidden, work.type);
  const int64_t warps = warps_with(bytes), parts = norm_parts(work.tokens, work.hidden, work.type);
  const int hidden = static_cast<int>(work.hidden);
  for_type(work.type, [&](auto type) {
    using T = typename decltype(type)::type;
    using Wide = WideOf<T>;
    const NormBackward<Wide, T> typed{static_cast<const T*>(work.grad),
                                      static_cast<const Wide*>(work.sum),
                                      static_cast<const Wide*>(work.mean),
                                      static_cast<const Wide*>(work.rstd),
                                      static_cast<const T*>(work.weight),
                                      static_cast<Wide*>(work.grad_sum),
                                      static_cast<Wide*>(work.partial),
                                      work.tokens,
                                      hidden};
    const bool vectors = fit_vectors(hidden, typed.grad, typed.sum, typed.weight, typed.grad_sum);
    for_width(vectors, [&](auto width) {
      launch("norm_backward", norm_backward<decltype(width)::value, Wide, T>,
             Grid{static_cast<unsigned>(parts)}, static_cast<unsigned>(32 * warps), warps * bytes,
             stream, typed);
    });
    launch("sum_partials", sum_partials<Wide, T>, Grid{blocks_for(2 * hidden, 32)}, 32 * kSumWarps,
           0, stream, typed.partial, static_cast<int>(parts), hidden,
           static_cast<T*>(work.grad_weight), static_cast<T*>(work.grad_bias));
  });
}

}  // namespace jnrf::cuda
