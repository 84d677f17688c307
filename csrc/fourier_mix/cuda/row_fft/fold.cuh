// Fourier transforms of rows over the hidden features, folded for the product over the tokens
// (methods/dft_gemm.cuh). No torch header in here.
//
// For a piece of N tokens x[n] and 0 <= n <= N/2, let u = x[n] + x[N-n] and v = x[n] - x[N-n] (u =
// x[n], v = 0 where n is its own mirror). The product needs the cosine transform of u and the sine
// transform of v. With Z the complex transform of u + i v they are the even and the odd part of the
// real part of Z alone: (Re Z[j] + Re Z[H-j]) / 2 and (Re Z[j] - Re Z[H-j]) / 2.
#pragma once

#include "fourier_mix/cuda/pieces.cuh"
#include "fourier_mix/cuda/row_fft/row_pair.cuh"

namespace jnrf::cuda {

inline constexpr int kFoldWarps = 4;
inline constexpr int kFoldBlocks = 4;  // on a multiprocessor, as far as registers go

// What the compiler keeps registers for: a block less on sm_86 to sm_89, where columns spill
// otherwise, and shared memory has room for fewer anyway.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ > 800 && __CUDA_ARCH__ < 900
inline constexpr int kFoldColumnsBlocks = kFoldBlocks - 1;
#else
inline constexpr int kFoldColumnsBlocks = kFoldBlocks;
#endif

template <typename In>
struct FoldRows {
  const In* x;    // [T, H]
  float* folded;  // [rows, 2, columns]: cosine transforms, sine transforms, zeros beyond (H+1)/2
  float* middle;  // [rows] the cosine transforms' feature H/2, where H is even
  Pieces pieces;  // a row a unit
  RowTransform transform;
  int columns;  // a multiple of 32
};

// Calls write(index, real) with the real part of Z for each row of the pieces, by a warp: rows are
// dealt to the warps of the launch. Shared memory for H complex numbers and two rows a warp.
template <int kWidth, typename In, typename Write>
__device__ __forceinline__ void for_row_pairs(const In* x, const Pieces& pieces,
                                              const RowTransform& transform, const Write& write) {
  const int hidden = transform.hidden;
  float2* twiddles = dynamic_shared<float2>();
  float2* here = twiddles + hidden + threadIdx.x / 32 * 2 * row_places(transform);
  float2* there = here + row_places(transform);
  const auto* real = reinterpret_cast<const float*>(transformed(transform, here, there));
  const int rows = pieces.units[pieces.documents];
  const int all_warps = static_cast<int>(gridDim.x) * kFoldWarps;
  RowPair<kWidth, In> next;
  const auto fetch = [&](int index) {
    const Unit unit = unit_at(pieces, index);
    const int mirror = mirror_of(unit);
    const In* piece = x + unit.first * hidden;
    next.fetch(piece + unit.row * hidden, mirror == unit.row ? nullptr : piece + mirror * hidden,
               hidden);
  };
  if (warp_index() < rows) fetch(warp_index());
  prepare_twiddles(transform, twiddles);
  __syncthreads();
  for (int index = warp_index(); index < rows; index += all_warps) {
    next.put(transform, !next.single, here);
    if (index + all_warps < rows) fetch(index + all_warps);
    __syncwarp();
    transform_row(transform, twiddles, here, there, false);
    write(index, real);
    __syncwarp();
  }
}

template <int kWidth, typename In>
__global__ void __launch_bounds__(32 * kFoldWarps, kFoldBlocks) fold_rows(FoldRows<In> work) {
  const int hidden = work.transform.hidden, lane = static_cast<int>(threadIdx.x % 32);
  for_row_pairs<kWidth>(work.x, work.pieces, work.transform, [&](int index, const float* real) {
    float* to = work.folded + 2 * static_cast<int64_t>(index) * work.columns;
    for (int j = lane; j < work.columns; j += 32) {
      float even = 0.0f, odd = 0.0f;
      if (2 * j < hidden) {
        const float a = real[j], b = real[j == 0 ? 0 : hidden - j];
        even = 0.5f * (a + b);
        odd = 0.5f * (a - b);
      }
      to[j] = even;
      to[work.columns + j] = odd;
    }
    if (lane == 0 && hidden % 2 == 0) work.middle[index] = real[hidden / 2];
  });
}

}  // namespace jnrf::cuda
