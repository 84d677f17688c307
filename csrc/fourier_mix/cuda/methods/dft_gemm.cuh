// The Fourier transform over the tokens as a product on tensor cores, for pieces that are short.
// No torch header in here.
//
// With the folded rows of row_fft/fold.cuh, for 0 <= k <= N/2 and 0 <= j <= H/2
//   P[k,j] = sum over n <= N/2 of cos(2 pi k n / N) cosines[n,j],  Q[k,j] likewise with sines,
// and the mixed tokens are y[k,j] = y[N-k,H-j] = P - Q, y[k,H-j] = y[N-k,j] = P + Q: an eighth of
// the work of the whole product. Factors are split in two TF32 numbers each, and the three larger
// ones of their four products added; tensor cores cut off what does not fit in a sum, so that each
// adds 8 terms only, and float32 registers the rest: float32's own accuracy (docs/performance.md).
#pragma once

#include "device/mma.cuh"
#include "fourier_mix/cuda/epilogue.cuh"
#include "fourier_mix/cuda/pieces.cuh"
#include "fourier_mix/cuda/row_fft/hermitian.cuh"
#include "fourier_mix/cuda/row_fft/twiddles.cuh"

namespace jnrf::cuda {

inline constexpr int kTileRows = 16;   // rows k of a product
inline constexpr int kStepTerms = 8;   // rows n of a product
inline constexpr int kChunkSteps = 4;  // of which the cosines and sines are in shared memory
inline constexpr int kWarpColumns = 32;
// The most warps of a block of one tile and of two, as far as registers go.
inline constexpr int kMostProductWarps[] = {16, 12};

template <typename Residual, typename Out>
struct MixProduct {
  Epilogue<float, Residual, Out> epilogue;
  Pieces pieces;         // a share of kTileRows * kTiles rows
  const int32_t* pairs;  // [documents + 1] the documents' first folded rows
  const float* folded;   // [rows, 2, columns]
  const float* middle;   // [rows]
  int columns;
};

// Places in a block's shared memory, in floats.
struct ProductLayout {
  int stride;     // from one row k of values to the next: [2, columns], + 4 against bank conflicts
  int middle;     // sums of each warp for the rows' feature H/2
  int fragments;  // two buffers of cosines and sines; later a row of H numbers a warp
  int size;
};

__host__ __device__ inline ProductLayout product_layout(int tiles, int columns, int hidden) {
  ProductLayout layout{};
  const int rows = kTileRows * tiles, warps = columns / kWarpColumns;
  layout.stride = 2 * columns + 4;
  layout.middle = rows * layout.stride;
  layout.fragments = layout.middle + rows * warps;
  const int fragments = 2 * kChunkSteps * tiles * 4 * 128, row = (hidden + 3) / 4 * 4;
  layout.size = layout.fragments + (fragments > warps * row ? fragments : warps * row);
  return layout;
}

// A float as the sum of two TF32 numbers.
struct Split {
  unsigned high, low;
};

__device__ __forceinline__ Split split(float value) {
  Split both;
  split_tf32(value, both.high, both.low);
  return both;
}

// Fragments [kind][lane][4] of the cosines and sines of a step and a tile; kinds in this order.
enum FragmentKind { kCosineHigh, kCosineLow, kSineHigh, kSineLow };

// sums += a b for four 8-column tiles, b[i] being what a lane has of tile i.
__device__ __forceinline__ void add_products(float (&sums)[4][4], const Vector<unsigned, 4>& high,
                                             const Vector<unsigned, 4>& low,
                                             const Split (&b)[4][2]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const unsigned b_high[2] = {b[i][0].high, b[i][1].high};
    const unsigned b_low[2] = {b[i][0].low, b[i][1].low};
    float d[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    mma_tf32(d, low.values, b_high);
    mma_tf32(d, high.values, b_low);
    mma_tf32(d, high.values, b_high);
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[i][e] += d[e];
  }
}

// A block has kTiles * kTileRows rows k of a piece, and their epilogue and that of the rows N - k.
// Each of its warps has kWarpColumns of the columns, and later every so many of the rows.
template <int kTiles, int kWidth, typename Residual, typename Out>
__global__ void __launch_bounds__(32 * kMostProductWarps[kTiles - 1])
    mix_product(MixProduct<Residual, Out> work) {
  constexpr int kRows = kTiles * kTileRows;
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  const int warps = static_cast<int>(blockDim.x / 32), g = lane / 4, t = lane % 4;
  const int columns = work.columns, hidden = work.epilogue.hidden;
  const ProductLayout layout = product_layout(kTiles, columns, hidden);
  float* shared = dynamic_shared<float>();
  auto* fragments = reinterpret_cast<unsigned*>(shared + layout.fragments);

  const Unit unit = unit_at<true>(work.pieces, static_cast<int>(blockIdx.x));
  // For the end: registers are scarce until then.
  Unit& kept = static_shared<Unit>();
  if (threadIdx.x == 0) kept = unit;
  const int length = unit.length, terms = length / 2 + 1;
  const int steps = (terms + kStepTerms - 1) / kStepTerms;
  const int begin = work.pairs[unit.document] + unit.rows_before;

  const auto fragment = [&](int step, int tile, int kind) {
    const int place = step % (2 * kChunkSteps) * kTiles + tile;
    return fragments + (place * 4 + kind) * 128 + lane * 4;
  };
  // The cosines and sines of kChunkSteps steps, by all warps.
  const auto prepare = [&](int first_step) {
    for (int item = warp; item < kChunkSteps * kTiles * 4; item += warps) {
      const int i = item % 4, tile = item / 4 % kTiles, step = first_step + item / (4 * kTiles);
      const int k = unit.row + tile * kTileRows + g + i % 2 * 8;
      const int n = step * kStepTerms + t + i / 2 * 4;
      const float2 value = twiddle(k * n % length, length);
      const Split cosine = split(value.x), sine = split(value.y);
      fragment(step, tile, kCosineHigh)[i] = cosine.high;
      fragment(step, tile, kCosineLow)[i] = cosine.low;
      fragment(step, tile, kSineHigh)[i] = sine.high;
      fragment(step, tile, kSineLow)[i] = sine.low;
    }
  };
  // What a lane needs of a step's cosine transforms, or sine transforms: of the rows n = t and t +
  // 4 four columns each, which belong to four tiles; tile i has the warp's columns i, i + 4, ...
  const float* mine =
      work.folded + 2 * static_cast<int64_t>(begin) * columns + warp * kWarpColumns + 4 * g;
  const auto fetch = [&](int step, bool sines, Vector<float, 4>(&to)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int n = step * kStepTerms + t + 4 * half;
      to[half] = Vector<float, 4>{};
      if (n < terms) to[half] = load<4>(mine + (2 * n + (sines ? 1 : 0)) * columns);
    }
  };
  const auto split_all = [](const Vector<float, 4>(&from)[2], Split(&to)[4][2]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) to[i][half] = split(from[half].values[i]);
    }
  };

  float p[kTiles][4][4] = {}, q[kTiles][4][4] = {}, middles[kTiles][2] = {};
  prepare(0);
  Vector<float, 4> cosines[2], sines[2];
  fetch(0, false, cosines);
  fetch(0, true, sines);
  int middle_step = warp;  // the next one whose products for the feature H/2 are this warp's
  for (int step = 0; step < steps; ++step) {
    if (step % kChunkSteps == 0) {
      // All are done with the chunk before last, where the next one goes.
      __syncthreads();
      if (step + kChunkSteps < steps) prepare(step + kChunkSteps);
    }
    Split b[4][2];
    split_all(cosines, b);
    if (step + 1 < steps) fetch(step + 1, false, cosines);
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      add_products(p[tile], load<4>(fragment(step, tile, kCosineHigh)),
                   load<4>(fragment(step, tile, kCosineLow)), b);
    }
    split_all(sines, b);
    if (step + 1 < steps) fetch(step + 1, true, sines);
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      add_products(q[tile], load<4>(fragment(step, tile, kSineHigh)),
                   load<4>(fragment(step, tile, kSineLow)), b);
    }
    // Feature H/2 has no column: warps share its products.
    if (hidden % 2 == 0 && step == middle_step) {
      middle_step += warps;
      float middle[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int n = step * kStepTerms + t + 4 * half;
        middle[half] = n < terms ? work.middle[begin + n] : 0.0f;
      }
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        const auto high = load<4>(fragment(step, tile, kCosineHigh));
        const auto low = load<4>(fragment(step, tile, kCosineLow));
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float cosine = read_tf32(high.values[i]) + read_tf32(low.values[i]);
          middles[tile][i % 2] += cosine * middle[i / 2];
        }
      }
    }
  }

  float* all_middles = shared + layout.middle;
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      const int row = tile * kTileRows + g + 8 * upper;
      float sum = middles[tile][upper];
      sum += __shfl_xor_sync(kAllLanes, sum, 1);
      sum += __shfl_xor_sync(kAllLanes, sum, 2);
      if (t == 0) all_middles[row * warps + warp] = sum;
      float* values = shared + row * layout.stride + warp * kWarpColumns + 8 * t;
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) {
        Vector<float, 4> direct, other;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int e = 2 * upper + odd;
          direct.values[i] = p[tile][i][e] - q[tile][i][e];
          other.values[i] = p[tile][i][e] + q[tile][i][e];
        }
        store(values + 4 * odd, direct);
        store(values + columns + 4 * odd, other);
      }
    }
  }
  __syncthreads();

  float* row = shared + layout.fragments + warp * ((hidden + 3) / 4 * 4);
  const int first = kept.row;
  const float scale = factor(work.epilogue, kept.length);
  for (int r = warp; r < kRows && first + r <= kept.length / 2; r += warps) {
    const int k = first + r, mirror = k == 0 ? 0 : kept.length - k;
    float middle = 0;
    for (int w = 0; w < warps; ++w) middle += all_middles[r * warps + w];
    const auto epilogue = [&](int token, const float* direct, const float* other) {
      row_epilogue<kWidth, false>(work.epilogue, kept.first + token, row, [&](int j) {
        auto numbers = hermitian_numbers<kWidth>(direct, other, middle, hidden, j);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) numbers.values[i] *= scale;
        return numbers;
      });
    };
    const float* values = shared + r * layout.stride;
    epilogue(k, values, values + columns);
    if (mirror != k) epilogue(mirror, values + columns, values);
  }
}

}  // namespace jnrf::cuda
