// Fourier transforms of rows over the hidden features, folded for the product over the tokens
// (fourier_mix_product.cuh). No torch header in here.
//
// For a piece of N tokens x[n] and 0 <= n <= N/2, let u = x[n] + x[N-n] and v = x[n] - x[N-n] (u =
// x[n], v = 0 where n is its own mirror). The product needs the cosine transform of u and the sine
// transform of v. With Z the complex transform of u + i v they are the even and the odd part of the
// real part of Z alone: (Re Z[j] + Re Z[H-j]) / 2 and (Re Z[j] - Re Z[H-j]) / 2.
#pragma once

#include "cuda/fourier_mix_finish.cuh"
#include "cuda/fourier_mix_pieces.cuh"
#include "cuda/fourier_mix_turn.cuh"

namespace jnrf::cuda {

inline constexpr int kFoldWarps = 4;
inline constexpr int kMostFoldFeatures = 1024;

// The factors of H in the order of the passes, the first lowest, in so many bits each.
inline constexpr int kRadixBits = 5;
using Radices = uint64_t;

template <typename In>
struct FoldRows {
  const In* x;    // [T, H]
  float* folded;  // [rows, 2, columns]: cosine transforms, sine transforms, zeros beyond (H+1)/2
  float* middle;  // [rows] the cosine transforms' feature H/2, where H is even
  Pieces pieces;  // a row a unit
  Radices radices;
  int hidden;   // H, at most kMostFoldFeatures
  int columns;  // a multiple of 32
};

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

// The transform of kRadix complex numbers (2, 4 or an odd one), in place.
template <int kRadix>
__device__ __forceinline__ void small_transform(float2 (&v)[kRadix]) {
  if constexpr (kRadix == 2) {
    const float2 a = v[0], b = v[1];
    v[0] = make_float2(a.x + b.x, a.y + b.y);
    v[1] = make_float2(a.x - b.x, a.y - b.y);
  } else if constexpr (kRadix == 4) {
    const float2 a = make_float2(v[0].x + v[2].x, v[0].y + v[2].y);
    const float2 b = make_float2(v[0].x - v[2].x, v[0].y - v[2].y);
    const float2 c = make_float2(v[1].x + v[3].x, v[1].y + v[3].y);
    const float2 d = make_float2(v[1].x - v[3].x, v[1].y - v[3].y);
    v[0] = make_float2(a.x + c.x, a.y + c.y);
    v[1] = make_float2(b.x + d.y, b.y - d.x);
    v[2] = make_float2(a.x - c.x, a.y - c.y);
    v[3] = make_float2(b.x - d.y, b.y + d.x);
  } else {
    constexpr int kHalf = kRadix / 2;
    float2 sums[kHalf], differences[kHalf], total = v[0];
#pragma unroll
    for (int q = 0; q < kHalf; ++q) {
      const float2 a = v[q + 1], b = v[kRadix - 1 - q];
      sums[q] = make_float2(a.x + b.x, a.y + b.y);
      differences[q] = make_float2(a.x - b.x, a.y - b.y);
      total = make_float2(total.x + sums[q].x, total.y + sums[q].y);
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
      v[r] = make_float2(even.x + odd.x, even.y + odd.y);
      v[kRadix - r] = make_float2(even.x - odd.x, even.y - odd.y);
    }
    v[0] = total;
  }
}

// One pass of a Stockham transform of H numbers by a warp; `done` is the product of the radices so
// far. turns[m] = exp(-2 pi i m / H).
template <int kRadix>
__device__ __forceinline__ void pass(const float2* from, float2* to, const float2* turns,
                                     int hidden, int done) {
  const int count = hidden / kRadix, step = count / done;
  const int reciprocal = ((1 << 20) + done - 1) / done;  // exact below 2^20 / done
  for (int j = static_cast<int>(threadIdx.x % 32); j < count; j += 32) {
    const int group = j * reciprocal >> 20, k = j - group * done;
    float2 v[kRadix];
#pragma unroll
    for (int i = 0; i < kRadix; ++i) v[i] = from[j + i * count];
#pragma unroll
    for (int i = 1; i < kRadix; ++i) v[i] = times(v[i], turns[i * k * step]);
    small_transform(v);
#pragma unroll
    for (int i = 0; i < kRadix; ++i) to[group * done * kRadix + k + i * done] = v[i];
  }
}

// The same for any radix, by the definition.
__device__ __forceinline__ void any_pass(const float2* from, float2* to, const float2* turns,
                                         int hidden, int done, int radix) {
  const int count = hidden / radix, step = count / done;
  for (int o = static_cast<int>(threadIdx.x % 32); o < hidden; o += 32) {
    const int j = o % count, r = o / count, k = j % done;
    const int by = (k * step + r * count) % hidden;
    float2 sum = from[j];
    for (int i = 1, at = by; i < radix; ++i) {
      const float2 term = times(from[j + i * count], turns[at]);
      sum = make_float2(sum.x + term.x, sum.y + term.y);
      at += by;
      if (at >= hidden) at -= hidden;
    }
    to[j / done * done * radix + k + r * done] = sum;
  }
}

// A row and its mirrored one as a warp loads them, all at once: while it transforms two others.
template <int kWidth, typename In>
struct FoldedRows {
  static constexpr int kHeld = kMostFoldFeatures / (32 * kWidth);
  Vector<In, kWidth> direct[kHeld], mirrored[kHeld];
  bool single;  // the row is its own mirror

  __device__ __forceinline__ void fetch(const FoldRows<In>& work, int index) {
    const Unit unit = unit_at(work.pieces, index);
    const int mirror = unit.row == 0 ? 0 : unit.length - unit.row;
    single = mirror == unit.row;
    const In* of_direct = work.x + (unit.first + unit.row) * work.hidden;
    const In* of_mirrored = work.x + (unit.first + mirror) * work.hidden;
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int j = (static_cast<int>(threadIdx.x % 32) + 32 * h) * kWidth;
      if (j >= work.hidden) break;
      direct[h] = load<kWidth>(of_direct + j);
      mirrored[h] = load<kWidth>(of_mirrored + j);
    }
  }
  // u + i v, where the transform starts from.
  __device__ __forceinline__ void put(int hidden, float2* to) const {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int j = (static_cast<int>(threadIdx.x % 32) + 32 * h) * kWidth;
      if (j >= hidden) break;
      Vector<float2, kWidth> both;
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float x = static_cast<float>(direct[h].values[i]);
        const float y = static_cast<float>(mirrored[h].values[i]);
        both.values[i] = single ? make_float2(x, 0.0f) : make_float2(x + y, x - y);
      }
      store(to + j, both);
    }
  }
};

// A warp a row of a piece and its mirrored one, block after block of them. Shared memory for
// 1 + 2 kFoldWarps times H complex numbers.
template <int kWidth, typename In>
__global__ void __launch_bounds__(32 * kFoldWarps) fold_rows(FoldRows<In> work) {
  const int hidden = work.hidden, lane = static_cast<int>(threadIdx.x % 32);
  float2* turns = dynamic_shared<float2>();
  float2* here = turns + hidden + threadIdx.x / 32 * 2 * hidden;
  float2* there = here + hidden;
  for (int m = static_cast<int>(threadIdx.x); m < hidden; m += 32 * kFoldWarps) {
    const float2 t = turn(m, hidden);
    turns[m] = make_float2(t.x, -t.y);
  }
  __syncthreads();
  const int rows = work.pieces.units[work.pieces.documents];
  const int all_warps = static_cast<int>(gridDim.x) * kFoldWarps;
  FoldedRows<kWidth, In> next;
  if (warp_index() < rows) next.fetch(work, warp_index());
  for (int index = warp_index(); index < rows; index += all_warps) {
    next.put(hidden, here);
    if (index + all_warps < rows) next.fetch(work, index + all_warps);
    __syncwarp();
    int done = 1;
    for (Radices radices = work.radices; radices; radices >>= kRadixBits) {
      const int radix = static_cast<int>(radices % (1 << kRadixBits));
      if (radix == 2) {
        pass<2>(here, there, turns, hidden, done);
      } else if (radix == 3) {
        pass<3>(here, there, turns, hidden, done);
      } else if (radix == 4) {
        pass<4>(here, there, turns, hidden, done);
      } else if (radix == 5) {
        pass<5>(here, there, turns, hidden, done);
      } else if (radix == 7) {
        pass<7>(here, there, turns, hidden, done);
      } else {
        any_pass(here, there, turns, hidden, done, radix);
      }
      done *= radix;
      float2* const swapped = here;
      here = there;
      there = swapped;
      __syncwarp();
    }
    float* to = work.folded + 2 * static_cast<int64_t>(index) * work.columns;
    for (int j = lane; j < work.columns; j += 32) {
      float even = 0.0f, odd = 0.0f;
      if (2 * j < hidden) {
        const float a = here[j].x, b = here[j == 0 ? 0 : hidden - j].x;
        even = 0.5f * (a + b);
        odd = 0.5f * (a - b);
      }
      to[j] = even;
      to[work.columns + j] = odd;
    }
    if (lane == 0 && hidden % 2 == 0) work.middle[index] = here[hidden / 2].x;
    __syncwarp();
  }
}

}  // namespace jnrf::cuda
