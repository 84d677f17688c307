// Fourier transforms of rows over the hidden features: two real rows as one complex row, by a warp,
// in Stockham passes over shared memory. No torch header in here.
#pragma once

#include "device/vectors.cuh"
#include "fourier_mix/cuda/row_fft/butterflies.cuh"
#include "fourier_mix/cuda/row_fft/twiddles.cuh"

namespace jnrf::cuda {

inline constexpr int kMostRowFeatures = 1024;

// The factors of H in the order of the passes, the first lowest, in so many bits each.
inline constexpr int kRadixBits = 5;
using Radices = uint64_t;

struct RowTransform {
  Radices radices;
  int hidden;   // H, at most kMostRowFeatures
  bool padded;  // one place is left free after 16; H / radix is then a multiple of 16
  bool moved;   // the number of passes is odd
};

// Complex places that a row takes in shared memory.
__host__ __device__ inline int row_places(const RowTransform& transform) {
  return transform.hidden + (transform.padded ? transform.hidden / 16 : 0);
}

// Where number j of a row is: j + (j >> shift).
__device__ __forceinline__ int pad_shift(const RowTransform& transform) {
  return transform.padded ? 4 : 31;
}

// Whether there is a pass for it; others go by any_pass.
__device__ __forceinline__ bool has_pass(int radix) {
  return radix == 2 || radix == 3 || radix == 4 || radix == 5 || radix == 7 || radix == 8;
}

// m / done is m * reciprocal_of(done) >> 20, below 2^20 / done.
__device__ __forceinline__ int reciprocal_of(int done) { return ((1 << 20) + done - 1) / done; }

// What passes multiply by, for the whole block: H numbers. A pass after which `done` times its
// radix is done has its own from `done` on, in the order in which its lanes read them:
// exp(-2 pi i i k / (done radix)) at i * done + k, 0 < i < radix, 0 <= k < done. any_pass has
// exp(-2 pi i m / (done radix)) at m instead.
__device__ __forceinline__ void prepare_twiddles(const RowTransform& transform, float2* twiddles) {
  int done = 1;
  for (Radices radices = transform.radices; radices; radices >>= kRadixBits) {
    const int radix = static_cast<int>(radices % (1 << kRadixBits)), roots = done * radix;
    const int reciprocal = reciprocal_of(done);
    for (int m = done + static_cast<int>(threadIdx.x); m < roots;
         m += static_cast<int>(blockDim.x)) {
      const int i = m * reciprocal >> 20;
      const float2 t = twiddle(has_pass(radix) ? i * (m - i * done) : m, roots);
      twiddles[m] = make_float2(t.x, -t.y);
    }
    done = roots;
  }
}

// One pass by a warp; `done` is the product of the radices so far. The last pass stores the real
// parts alone, or (`whole`) the imaginary ones after them.
struct Pass {
  const float2* from;
  float2* to;
  const float2* twiddles;
  int hidden, done, shift;
  bool last, whole;
};

template <int kRadix>
__device__ __forceinline__ void run_pass(const Pass& pass) {
  const int hidden = pass.hidden, done = pass.done, shift = pass.shift;
  const int count = hidden / kRadix, stride = count + (count >> shift);
  const int reciprocal = reciprocal_of(done);
  for (int j = static_cast<int>(threadIdx.x % 32); j < count; j += 32) {
    const int group = j * reciprocal >> 20, k = j - group * done;
    const float2* from = pass.from + j + (j >> shift);
    float2 v[kRadix];
#pragma unroll
    for (int i = 0; i < kRadix; ++i) v[i] = from[i * stride];
    if (done > 1) {  // else all twiddles are 1
#pragma unroll
      for (int i = 1; i < kRadix; ++i) v[i] = times(v[i], pass.twiddles[i * done + k]);
    }
    butterfly(v);
    if (pass.last) {
      float* real = reinterpret_cast<float*>(pass.to) + j;
#pragma unroll
      for (int i = 0; i < kRadix; ++i) real[i * done] = v[i].x;
      if (pass.whole) {
#pragma unroll
        for (int i = 0; i < kRadix; ++i) real[hidden + i * done] = v[i].y;
      }
      continue;
    }
    const int first = group * done * kRadix + k;
    if (shift == 31) {
#pragma unroll
      for (int i = 0; i < kRadix; ++i) pass.to[first + i * done] = v[i];
    } else {
#pragma unroll
      for (int i = 0; i < kRadix; ++i) {
        const int at = first + i * done;
        pass.to[at + (at >> 4)] = v[i];
      }
    }
  }
}

// The same for any radix, by the definition. Rows with such a radix are not padded.
__device__ __forceinline__ void any_pass(const Pass& pass, int radix) {
  const int hidden = pass.hidden, done = pass.done, count = hidden / radix, roots = radix * done;
  const auto root = [&](int m) {
    if (m >= done) return pass.twiddles[m];
    if (m == 0) return make_float2(1.0f, 0.0f);
    const float2 conjugate = pass.twiddles[roots - m];
    return make_float2(conjugate.x, -conjugate.y);
  };
  for (int o = static_cast<int>(threadIdx.x % 32); o < hidden; o += 32) {
    const int j = o % count, r = o / count, k = j % done, by = k + r * done;
    float2 sum = pass.from[j];
    for (int i = 1, at = by; i < radix; ++i) {
      sum = plus(sum, times(pass.from[j + i * count], root(at)));
      at += by;
      if (at >= roots) at -= roots;
    }
    const int at = j / done * done * radix + k + r * done;
    if (pass.last) {
      float* real = reinterpret_cast<float*>(pass.to) + at;
      real[0] = sum.x;
      if (pass.whole) real[hidden] = sum.y;
    } else {
      pass.to[at] = sum;
    }
  }
}

// Transforms the row that RowPair::put wrote to `here`, by a warp, to where `transformed` says: its
// real parts and, of a whole one, its imaginary parts after them.
__device__ __forceinline__ void transform_row(const RowTransform& transform, const float2* twiddles,
                                              float2* here, float2* there, bool whole) {
  Pass pass{here, there, twiddles, transform.hidden, 1, pad_shift(transform), false, whole};
  for (Radices radices = transform.radices; radices; radices >>= kRadixBits) {
    const int radix = static_cast<int>(radices % (1 << kRadixBits));
    pass.from = here;
    pass.to = there;
    pass.last = radices >> kRadixBits == 0;
    if (radix == 8) {
      run_pass<8>(pass);
    } else if (radix == 4) {
      run_pass<4>(pass);
    } else if (radix == 2) {
      run_pass<2>(pass);
    } else if (radix == 3) {
      run_pass<3>(pass);
    } else if (radix == 5) {
      run_pass<5>(pass);
    } else if (radix == 7) {
      run_pass<7>(pass);
    } else {
      any_pass(pass, radix);
    }
    pass.done *= radix;
    float2* const swapped = here;
    here = there;
    there = swapped;
    __syncwarp();
  }
}

__device__ __forceinline__ float2* transformed(const RowTransform& transform, float2* here,
                                               float2* there) {
  return transform.moved ? there : here;
}

}  // namespace jnrf::cuda
