// Fourier mixing of long documents: rows are transformed over the features by a kernel of ours,
// columns over the tokens by cuFFT, and what is left of both is done together with the rest. No
// torch header in here.
//
// Let u, v and Z be as in row_fft/fold.cuh, and s[n,j] = Re Z[n,j] / 2, s[N-n,j] = Re Z[n,H-j]
// / 2 for j <= H/2 (no half where n is its own mirror). The transform S of s over the tokens is
// P - i Q with the P and Q of dft_gemm.cuh, so that the mixed tokens are
// y[k,j] = y[N-k,H-j] = Re S + Im S and y[k,H-j] = y[N-k,j] = Re S - Im S. s is real: two of its
// columns are one complex column, a quarter of the work of a complex transform of x and half of
// that of a real one.
#pragma once

#include "fourier_mix/cuda/epilogue.cuh"
#include "fourier_mix/cuda/row_fft/fold.cuh"
#include "fourier_mix/cuda/row_fft/hermitian.cuh"

namespace jnrf::cuda {

// Complex columns of a document.
__host__ __device__ constexpr int column_pairs(int hidden) { return (hidden / 2 + 2) / 2; }

template <typename In>
struct FoldColumns {
  const In* x;          // [T, H]
  float* columns;       // [rows, 2 * column_pairs]
  const int32_t* rows;  // [documents] their first rows there
  Pieces pieces;        // a row a unit
  RowTransform transform;
};

// From x to s. Launched like fold_rows.
template <int kWidth, typename In>
__global__ void __launch_bounds__(32 * kFoldWarps, kFoldColumnsBlocks)
    fold_columns(FoldColumns<In> work) {
  const int hidden = work.transform.hidden, stride = 2 * column_pairs(hidden);
  for_row_pairs<kWidth>(work.x, work.pieces, work.transform, [&](int index, const float* real) {
    const Unit unit = unit_at(work.pieces, index);  // again: registers are scarce
    const int mirror = mirror_of(unit), lane = static_cast<int>(threadIdx.x % 32);
    const float half = mirror != unit.row ? 0.5f : 1.0f;
    float* first = work.columns + static_cast<int64_t>(work.rows[unit.document]) * stride;
    float* to = first + static_cast<int64_t>(unit.row) * stride;
    for (int j = lane; j < stride; j += 32) to[j] = 2 * j <= hidden ? half * real[j] : 0.0f;
    if (mirror == unit.row) return;
    to = first + static_cast<int64_t>(mirror) * stride;
    for (int j = lane; j < stride; j += 32) {
      to[j] = 2 * j <= hidden ? half * real[j == 0 ? 0 : hidden - j] : 0.0f;
    }
  });
}

// Shared memory of a warp of column_epilogue, in floats: the sums and the differences of the real
// and imaginary parts, then a row of H numbers.
__host__ __device__ constexpr int epilogue_places(int hidden) {
  return 2 * ((hidden / 2 + 4) / 4 * 4) + (hidden + 3) / 4 * 4;
}

// From S to the mixed tokens and what becomes of them. A warp a row k and the row N - k.
template <int kWidth, typename Residual, typename Out>
__global__ void __launch_bounds__(256, 2)
    column_epilogue(Epilogue<float, Residual, Out> work, Pieces pieces, const int32_t* rows,
                    const float2* columns) {
  constexpr int kHeld = (column_pairs(kMostRowFeatures) + 31) / 32;
  const int index = warp_index();
  if (index >= pieces.units[pieces.documents]) return;
  const Unit unit = unit_at(pieces, index);
  const int hidden = work.hidden, pairs = column_pairs(hidden);
  const int lane = static_cast<int>(threadIdx.x % 32), reals = hidden / 2 + 1;
  const int mirror = mirror_of(unit);
  const int64_t begin = rows[unit.document];
  const float2* of_row = columns + (begin + unit.row) * pairs;
  const float2* of_mirror = columns + (begin + mirror) * pairs;
  float2 here[kHeld], there[kHeld];
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int c = lane + 32 * h;
    if (c >= pairs) break;
    here[h] = of_row[c];
    there[h] = of_mirror[c];
  }
  float* direct = dynamic_shared<float>() + threadIdx.x / 32 * epilogue_places(hidden);
  float* other = direct + (hidden / 2 + 4) / 4 * 4;
  float* row = other + (hidden / 2 + 4) / 4 * 4;
  const float half = 0.5f * factor(work, unit.length);
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int c = lane + 32 * h;
    if (c >= pairs) break;
    // The transforms of the two real columns, by what is even and odd in k.
    const float2 a = here[h], b = there[h];
    const float2 first = make_float2(a.x + b.x, a.y - b.y);
    const float2 second = make_float2(a.y + b.y, b.x - a.x);
    direct[2 * c] = half * (first.x + first.y);
    other[2 * c] = half * (first.x - first.y);
    if (2 * c + 1 < reals) {
      direct[2 * c + 1] = half * (second.x + second.y);
      other[2 * c + 1] = half * (second.x - second.y);
    }
  }
  __syncwarp();
  const float middle = direct[hidden / 2];
  row_epilogue<kWidth, false>(work, unit.first + unit.row, row, [&](int first) {
    return hermitian_numbers<kWidth>(direct, other, middle, hidden, first);
  });
  if (mirror != unit.row) {
    const float other_middle = other[hidden / 2];
    row_epilogue<kWidth, false>(work, unit.first + mirror, row, [&](int first) {
      return hermitian_numbers<kWidth>(other, direct, other_middle, hidden, first);
    });
  }
}

}  // namespace jnrf::cuda
