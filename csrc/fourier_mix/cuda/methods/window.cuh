// Fourier mixing of short windows by one kernel: nothing is kept in memory between the transform
// over the features and that over the tokens. No torch header in here.
//
// A window of N tokens x[n] needs (N + 1) / 2 transforms of complex rows, a warp each: x[0] + i
// x[N/2] (x[0] alone where N is odd), and u + i v of row_fft/fold.cuh for 0 < n < N/2. Those
// give cosine transforms c[n] and sine transforms s[n] of H/2 + 1 features; then, with
//   P[k,j] = sum over n <= N/2 of cos(2 pi k n / N) c[n,j],  Q[k,j] likewise with sines,
// the mixed tokens are y[k,j] = y[N-k,H-j] = P - Q, y[k,H-j] = y[N-k,j] = P + Q.
#pragma once

#include "fourier_mix/cuda/epilogue.cuh"
#include "fourier_mix/cuda/pieces.cuh"
#include "fourier_mix/cuda/row_fft/row_pair.cuh"

namespace jnrf::cuda {

inline constexpr int kMostWindow = 16;
inline constexpr int kMostSlots = kMostWindow / 2;  // transforms of a window

template <typename Residual, typename Out>
struct MixWindows {
  Epilogue<float, Residual, Out> epilogue;
  const Residual* x;  // [T, H]
  Pieces pieces;      // a window a unit
  RowTransform transform;
  int slots;  // warps of a window
};

// Complex numbers of a window's cosines and sines: a k and n each.
__host__ __device__ inline int window_roots(int slots) { return (slots + 1) * slots; }

// Cosine of 2 pi m / kLength, which is 2, 4 or 8.
template <int kLength>
__device__ __forceinline__ float window_cosine(int m) {
  const int eighth = m * (8 / kLength) % 8;
  return eighth == 0                  ? 1.0f
         : eighth == 1 || eighth == 7 ? 0.70710678118654752f
         : eighth == 3 || eighth == 5 ? -0.70710678118654752f
         : eighth == 4                ? -1.0f
                                      : 0.0f;
}

// A window's rows as its warps share them: row n is at row n % 2 of warp n / 2.
struct WindowRows {
  float* rows;
  int stride;  // from one warp's two rows to the next's
  int hidden;

  __device__ __forceinline__ float* row(int n) const {
    return rows + n / 2 * stride + n % 2 * hidden;
  }
};

// The transform over the tokens, times `scale`, in place: a thread has every `step`-th pair of
// features j and H - j of all rows. kLength: N where it is known; else 0, and the cosine and sine
// of k and n are roots[k * most_slots + n].
template <int kLength>
__device__ __forceinline__ void mix_tokens(const WindowRows& window, int length,
                                           const float2* roots, int most_slots, float scale,
                                           int first, int step) {
  constexpr int kSlots = kLength ? kLength / 2 : kMostSlots;
  const int tokens = kLength ? kLength : length, slots = (tokens + 1) / 2;
  const int hidden = window.hidden;
#pragma unroll 1
  for (int j = first; 2 * j <= hidden; j += step) {
    const int other = j == 0 ? 0 : hidden - j;
    float cosines[kSlots], sines[kSlots], half = 0.0f;
#pragma unroll
    for (int n = 0; n < kSlots; ++n) {
      if (n >= slots) break;
      const float a = window.row(2 * n)[j], b = window.row(2 * n)[other];
      cosines[n] = 0.5f * scale * (a + b);
      sines[n] = 0.5f * scale * (a - b);
    }
    if (tokens % 2 == 0) half = 0.5f * scale * (window.row(1)[j] + window.row(1)[other]);
#pragma unroll(kLength ? kLength : 1)
    for (int k = 0; k <= tokens / 2; ++k) {
      float p = cosines[0] + (k % 2 ? -half : half), q = 0.0f;
#pragma unroll
      for (int n = 1; n < kSlots; ++n) {
        if (n >= slots) break;
        if constexpr (kLength != 0) {
          // A sine is the cosine a quarter before.
          const float x = window_cosine<kLength>(k * n);
          const float y = window_cosine<kLength>(k * n + 3 * kLength / 4);
          if (x != 0.0f) p += x * cosines[n];
          if (y != 0.0f) q += y * sines[n];
        } else {
          const float2 root = roots[k * most_slots + n];
          p += root.x * cosines[n];
          q += root.y * sines[n];
        }
      }
      const int mirror = tokens - k;
      window.row(k)[j] = p - q;
      window.row(k)[other] = p + q;
      if (k > 0 && mirror > k) {
        window.row(mirror)[j] = p + q;
        window.row(mirror)[other] = p - q;
      }
    }
  }
}

// Shared memory: H complex numbers, two rows a warp, window_roots complex numbers a window.
template <int kWidth, typename Residual, typename Out>
__global__ void __launch_bounds__(32 * kMostSlots, 2) mix_windows(MixWindows<Residual, Out> work) {
  const int hidden = work.transform.hidden, places = row_places(work.transform);
  const int warps = static_cast<int>(blockDim.x / 32), warp = static_cast<int>(threadIdx.x / 32);
  const int slots = work.slots, slot = warp % slots, index = warp_index() / slots;
  float2* twiddles = dynamic_shared<float2>();
  float2* here = twiddles + hidden + warp * 2 * places;
  float2* there = here + places;
  float2* roots = twiddles + hidden + warps * 2 * places + warp / slots * window_roots(slots);
  const int thread = static_cast<int>(threadIdx.x) - (warp - slot) * 32, threads = 32 * slots;

  // Past the last window: no tokens, no rows.
  Unit unit{};
  if (index < work.pieces.units[work.pieces.documents]) unit = unit_at(work.pieces, index);
  const int length = unit.length;
  const bool transforms = 2 * slot < length;
  RowPair<kWidth, Residual> rows;
  if (transforms) {
    const Residual* of_first = work.x + (unit.first + slot) * hidden;
    const int second = slot == 0 ? length / 2 : length - 2 * slot;  // rows after the first
    rows.fetch(of_first, slot == 0 && length % 2 ? nullptr : of_first + second * hidden, hidden);
  }
  prepare_twiddles(work.transform, twiddles);
  if (length != 2 && length != 4 && length != 8) {
    for (int i = thread; length > 0 && i < (length / 2 + 1) * slots; i += threads) {
      roots[i] = twiddle(i / slots * (i % slots) % length, length);
    }
  }
  if (transforms) rows.put(work.transform, slot > 0, here);
  __syncthreads();
  if (transforms) transform_row(work.transform, twiddles, here, there, slot == 0);
  __syncthreads();
  float* mine = reinterpret_cast<float*>(transformed(work.transform, here, there));
  const WindowRows window{mine - slot * 4 * places, 4 * places, hidden};
  const float scale = factor(work.epilogue, length);
  if (length == 8) {
    mix_tokens<8>(window, length, roots, slots, scale, thread, threads);
  } else if (length == 4) {
    mix_tokens<4>(window, length, roots, slots, scale, thread, threads);
  } else if (length == 2) {
    mix_tokens<2>(window, length, roots, slots, scale, thread, threads);
  } else if (length > 0) {
    mix_tokens<0>(window, length, roots, slots, scale, thread, threads);
  }
  __syncthreads();
  for (int n = 2 * slot; n < min(2 * slot + 2, length); ++n) {
    float* values = window.row(n);
    row_epilogue<kWidth, false>(work.epilogue, unit.first + n, values,
                                [&](int j) { return load<kWidth>(values + j); });
  }
}

}  // namespace jnrf::cuda
