// The roots of unity of Fourier transforms.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

// Cosine and sine of 2 pi index / count, 0 <= index < count < 2^28. Reduced to an eighth of a turn
// in integers, so that the angle that is rounded is small.
__device__ __forceinline__ float2 twiddle(int index, int count) {
  int angle = 4 * index;  // of 4 count
  const bool below = angle > 2 * count;
  if (below) angle = 4 * count - angle;
  const bool left = angle > count;
  if (left) angle = 2 * count - angle;
  const bool steep = 2 * angle > count;
  if (steep) angle = count - angle;
  float sine, cosine;
  sincospif(static_cast<float>(angle) / static_cast<float>(2 * count), &sine, &cosine);
  const float x = steep ? sine : cosine, y = steep ? cosine : sine;
  return make_float2(left ? -x : x, below ? -y : y);
}

}  // namespace jnrf::cuda
