// How rows of H features are transformed: what the launchers of fold_rows and mix_windows share.
#pragma once

#include "fourier_mix/cuda/row_fft/stockham.cuh"

namespace jnrf::cuda {

// A larger prime factor of H costs more time, and float32's sums more accuracy.
inline constexpr int64_t kLargestRadix = (1 << kRadixBits) - 1;

// Whether H has only factors that passes have.
inline bool row_transform_supports(int64_t hidden) {
  for (int64_t prime = 2; prime <= kLargestRadix; ++prime) {
    while (hidden > 1 && hidden % prime == 0) hidden /= prime;
  }
  return hidden == 1;
}

// Few passes: radix 8 as often as it leaves no pass of radix 2. The first passes write far apart,
// where powers of two would meet in the same banks of shared memory: odd ones first, then 4, then
// 8. Where there are no odd ones rows are padded instead.
inline RowTransform row_transform(int64_t hidden) {
  RowTransform transform{0, static_cast<int>(hidden), false, false};
  int64_t left = hidden;
  int bits = 0;
  const auto pass = [&](int64_t radix) {
    transform.radices |= static_cast<Radices>(radix) << bits;
    bits += kRadixBits;
    left /= radix;
    transform.moved = !transform.moved;
  };
  if (hidden == 1) pass(1);
  for (int64_t odd = 3; odd <= kLargestRadix; odd += 2) {
    while (left % odd == 0) pass(odd);
  }
  transform.padded = left == hidden && hidden >= 128;
  while (left > 1) pass(left == 2 ? 2 : left % 7 == 1 ? 8 : 4);  // 8 for powers of 8
  return transform;
}

}  // namespace jnrf::cuda
