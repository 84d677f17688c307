// Butterflies: Fourier transforms of a few complex numbers in registers.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

__device__ __forceinline__ float2 plus(float2 a, float2 b) {
  return make_float2(a.x + b.x, a.y + b.y);
}

__device__ __forceinline__ float2 minus(float2 a, float2 b) {
  return make_float2(a.x - b.x, a.y - b.y);
}

// a - i b.
__device__ __forceinline__ float2 minus_i_times(float2 a, float2 b) {
  return make_float2(a.x + b.y, a.y - b.x);
}

// a + i b.
__device__ __forceinline__ float2 plus_i_times(float2 a, float2 b) {
  return make_float2(a.x - b.y, a.y + b.x);
}

__device__ __forceinline__ float2 times(float2 a, float2 b) {
  return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

template <int kRadix>
__device__ __forceinline__ float cosine_of(int m) {
  if (m == 0) return 1.0f;
  if (kRadix == 3) return -0.5f;
  if (kRadix == 5) return m == 1 || m == 4 ? 0.30901699437494742f : -0.80901699437494742f;
  return m == 1 || m == 6   ? 0.62348980185873353f
         : m == 2 || m == 5 ? -0.22252093395631440f
                            : -0.90096886790241913f;
}

template <int kRadix>
__device__ __forceinline__ float sine_of(int m) {
  const bool below = 2 * m > kRadix;
  if (below) m = kRadix - m;
  float sine = 0.0f;
  if (kRadix == 3) sine = m == 1 ? 0.86602540378443865f : 0.0f;
  if (kRadix == 5) sine = m == 1 ? 0.95105651629515357f : m == 2 ? 0.58778525229247313f : 0.0f;
  if (kRadix == 7) {
    sine = m == 1   ? 0.78183148246802981f
           : m == 2 ? 0.97492791218182361f
           : m == 3 ? 0.43388373911755812f
                    : 0.0f;
  }
  return below ? -sine : sine;
}

// The transform of kRadix complex numbers (2, 4, 8 or an odd one), in place.
template <int kRadix>
__device__ __forceinline__ void butterfly(float2 (&v)[kRadix]) {
  if constexpr (kRadix == 2) {
    const float2 a = v[0], b = v[1];
    v[0] = plus(a, b);
    v[1] = minus(a, b);
  } else if constexpr (kRadix == 4) {
    const float2 a = plus(v[0], v[2]), b = minus(v[0], v[2]);
    const float2 c = plus(v[1], v[3]), d = minus(v[1], v[3]);
    v[0] = plus(a, c);
    v[1] = minus_i_times(b, d);
    v[2] = minus(a, c);
    v[3] = plus_i_times(b, d);
  } else if constexpr (kRadix == 8) {
    constexpr float kDiagonal = 0.70710678118654752f;
    float2 even[4] = {v[0], v[2], v[4], v[6]}, odd[4] = {v[1], v[3], v[5], v[7]};
    butterfly(even);
    butterfly(odd);
    // By an eighth of a turn, and by three.
    const float2 first = minus_i_times(odd[1], odd[1]), third = plus_i_times(odd[3], odd[3]);
    odd[1] = make_float2(kDiagonal * first.x, kDiagonal * first.y);
    odd[3] = make_float2(-kDiagonal * third.x, -kDiagonal * third.y);
    v[0] = plus(even[0], odd[0]);
    v[1] = plus(even[1], odd[1]);
    v[2] = minus_i_times(even[2], odd[2]);
    v[3] = plus(even[3], odd[3]);
    v[4] = minus(even[0], odd[0]);
    v[5] = minus(even[1], odd[1]);
    v[6] = plus_i_times(even[2], odd[2]);
    v[7] = minus(even[3], odd[3]);
  } else {
    constexpr int kHalf = kRadix / 2;
    float2 sums[kHalf], differences[kHalf], total = v[0];
#pragma unroll
    for (int q = 0; q < kHalf; ++q) {
      sums[q] = plus(v[q + 1], v[kRadix - 1 - q]);
      differences[q] = minus(v[q + 1], v[kRadix - 1 - q]);
      total = plus(total, sums[q]);
    }
#pragma unroll
    for (int r = 1; r <= kHalf; ++r) {
      float2 even = v[0], odd = make_float2(0.0f, 0.0f);
#pragma unroll
      for (int q = 0; q < kHalf; ++q) {
        const int m = (q + 1) * r % kRadix;
        const float cosine = cosine_of<kRadix>(m), sine = sine_of<kRadix>(m);
        even = make_float2(even.x + cosine * sums[q].x, even.y + cosine * sums[q].y);
        odd = make_float2(odd.x + sine * differences[q].y, odd.y - sine * differences[q].x);
      }
      v[r] = plus(even, odd);
      v[kRadix - r] = minus(even, odd);
    }
    v[0] = total;
  }
}

}  // namespace jnrf::cuda
