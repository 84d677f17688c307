// A row of the mixed tokens by Hermitian symmetry, from the half of it that a transform over the
// tokens gives.
#pragma once

#include "device/vectors.cuh"

namespace jnrf::cuda {

// Numbers first..first+kWidth-1 of the row y[k], where `direct` has y[k,j] for j < H/2, `other` has
// y[k,H-j], and `middle` is y[k,H/2]. For the row N - k the two change places. With kWidth 4, H and
// both addresses are multiples of four numbers.
template <int kWidth>
__device__ __forceinline__ Vector<float, kWidth> hermitian_numbers(const float* direct,
                                                                   const float* other, float middle,
                                                                   int hidden, int first) {
  Vector<float, kWidth> numbers;
  if (kWidth == 4 && 2 * (first + 4) <= hidden) {
    numbers = load<kWidth>(direct + first);
  } else if (kWidth == 4 && 2 * first > hidden) {
    // Backwards, and one further on than it would be aligned.
    const auto reversed = load<kWidth>(other + (hidden - first - 4));
    numbers.values[0] = other[hidden - first];
#pragma unroll
    for (int i = 1; i < kWidth; ++i) numbers.values[i] = reversed.values[kWidth - i];
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const int j = first + i;
      numbers.values[i] = 2 * j < hidden ? direct[j] : 2 * j == hidden ? middle : other[hidden - j];
    }
  }
  return numbers;
}

}  // namespace jnrf::cuda
