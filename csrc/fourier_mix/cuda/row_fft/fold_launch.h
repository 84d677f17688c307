// Launches the kernels that transform rows n and N - n together: fold_rows, fold_columns.
#pragma once

#include <algorithm>

#include "fourier_mix/cuda/row_fft/fold.cuh"
#include "fourier_mix/cuda/row_fft/plan.h"
#include "fourier_mix/cuda/typed_launch.h"

namespace jnrf::cuda {

inline size_t fold_bytes(int64_t hidden) {
  return (hidden + 2 * kFoldWarps * row_places(row_transform(hidden))) * sizeof(float2);
}

inline Grid fold_grid(int64_t pairs, int64_t hidden) {
  const int64_t at_once = blocks_at_once(fold_bytes(hidden), kFoldBlocks) * multiprocessors();
  return {static_cast<unsigned>(std::min<int64_t>(blocks_for(pairs, kFoldWarps), at_once))};
}

// Calls run(Type<T>{}) with the type of the numbers to transform, which are not float64.
template <typename F>
void for_input(MixType type, bool wide, const F& run) {
  wide || type == MixType::kFloat ? run(Type<float>{}) : run(Type<bfloat16>{});
}

}  // namespace jnrf::cuda
