// Two rows of features as the complex one that a transform starts from.
#pragma once

#include "fourier_mix/cuda/row_fft/stockham.cuh"

namespace jnrf::cuda {

// The rows as a warp loads them, all at once: while it transforms two others.
template <int kWidth, typename In>
struct RowPair {
  static constexpr int kHeld = kMostRowFeatures / (32 * kWidth);
  Vector<In, kWidth> first[kHeld], second[kHeld];
  bool single = false;  // the second row counts as zeros

  __device__ __forceinline__ void fetch(const In* of_first, const In* of_second, int hidden) {
    single = of_second == nullptr;
    if (single) of_second = of_first;
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int j = (static_cast<int>(threadIdx.x % 32) + 32 * h) * kWidth;
      if (j >= hidden) break;
      first[h] = load<kWidth>(of_first + j);
      second[h] = load<kWidth>(of_second + j);
    }
  }
  // first + i second, or (`folded`) first + second + i (first - second).
  __device__ __forceinline__ void put(const RowTransform& transform, bool folded,
                                      float2* to) const {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int j = (static_cast<int>(threadIdx.x % 32) + 32 * h) * kWidth;
      if (j >= transform.hidden) break;
      float2 both[kWidth];
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float x = static_cast<float>(first[h].values[i]);
        const float y = single ? 0.0f : static_cast<float>(second[h].values[i]);
        both[i] = folded ? make_float2(x + y, x - y) : make_float2(x, y);
      }
      if (kWidth == 4 && !transform.padded) {
        // Lanes 4 to 7 of eight begin with their other half: else they would meet lanes 0 to 3 in
        // the banks.
        const bool other = threadIdx.x / 4 % 2 != 0;
        Vector<float2, 2> lower{{both[0], both[kWidth / 2 - 1]}};
        Vector<float2, 2> upper{{both[kWidth / 2], both[kWidth - 1]}};
        store(to + j + (other ? 2 : 0), other ? upper : lower);
        store(to + j + (other ? 0 : 2), other ? lower : upper);
      } else {
        // The places of four together are all before or all after a free one.
        float2* place = to + j + (j >> pad_shift(transform));
#pragma unroll
        for (int i = 0; i < kWidth; ++i) place[i] = both[i];
      }
    }
  }
};

}  // namespace jnrf::cuda
