// The epilogue of a row of the mixed tokens, whichever method transformed it: residual, LayerNorm.
#pragma once

#include "device/vectors.cuh"

namespace jnrf::cuda {

// What is added to the mixed tokens and where the result goes; Wide is what sums are kept in.
template <typename Wide, typename Residual, typename Out>
struct Epilogue {
  const Residual* residual;  // [T, H] or null
  Out* out;                  // [T, H]
  const Out* weight;         // [H], or null: no LayerNorm, and what follows is not used
  const Out* bias;           // [H]
  Wide* sum;                 // [T, H] what is normalised, or null
  Wide *mean, *rstd;         // [T], null with sum
  Wide eps;
  Wide scale;
  int hidden;  // H
  bool ortho;  // divide by sqrt(N H) too
};

// What the transform of `length` tokens is multiplied by.
template <typename Wide, typename Residual, typename Out>
__device__ __forceinline__ Wide factor(const Epilogue<Wide, Residual, Out>& work, int length) {
  if (!work.ortho) return work.scale;
  return work.scale / sqrt(static_cast<Wide>(length) * static_cast<Wide>(work.hidden));
}

// out = residual + values, or its LayerNorm, for one token, by a warp. read(j) gives the numbers
// j..j+kWidth-1 of the row; `row` is shared memory for H numbers, of which a lane only touches its
// own. kEarly: what is read comes from far, and is asked for together with the residuals.
template <int kWidth, bool kEarly, typename Wide, typename Residual, typename Out, typename Read>
__device__ __forceinline__ void row_epilogue(const Epilogue<Wide, Residual, Out>& work,
                                             int64_t token, Wide* row, const Read& read) {
  const int hidden = work.hidden;
  const int first = static_cast<int>(threadIdx.x % 32) * kWidth;
  Out* out = work.out + token * hidden;
  Wide total = 0;
  // Several loads are on their way at once; what is stored between might else hold them up.
  constexpr int kAtOnce = 4, kStep = 32 * kWidth;
  for (int begin = first; begin < hidden; begin += kAtOnce * kStep) {
    Vector<Residual, kWidth> residuals[kAtOnce];
    Vector<Wide, kWidth> early[kAtOnce];
#pragma unroll
    for (int c = 0; c < kAtOnce; ++c) {
      const int j = begin + c * kStep;
      if (work.residual && j < hidden) {
        residuals[c] = load<kWidth>(work.residual + token * hidden + j);
      }
      if (kEarly && j < hidden) early[c] = read(j);
    }
#pragma unroll
    for (int c = 0; c < kAtOnce; ++c) {
      const int j = begin + c * kStep;
      if (j >= hidden) break;
      Vector<Wide, kWidth> numbers = kEarly ? early[c] : read(j);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        if (work.residual) numbers.values[i] += static_cast<Wide>(residuals[c].values[i]);
      }
      if (!work.weight) {
        Vector<Out, kWidth> rounded;
#pragma unroll
        for (int i = 0; i < kWidth; ++i) rounded.values[i] = static_cast<Out>(numbers.values[i]);
        store(out + j, rounded);
        continue;
      }
      store(row + j, numbers);
      if (work.sum) store(work.sum + token * hidden + j, numbers);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) total += numbers.values[i];
    }
  }
  if (!work.weight) return;

  const Wide mean = warp_sum(total) / static_cast<Wide>(hidden);
  Wide square = 0;
  for (int j = first; j < hidden; j += 32 * kWidth) {
    const auto numbers = load<kWidth>(row + j);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      square += (numbers.values[i] - mean) * (numbers.values[i] - mean);
    }
  }
  const Wide rstd = 1 / sqrt(warp_sum(square) / static_cast<Wide>(hidden) + work.eps);
  for (int j = first; j < hidden; j += 32 * kWidth) {
    const auto numbers = load<kWidth>(row + j);
    const auto weight = load<kWidth>(work.weight + j), bias = load<kWidth>(work.bias + j);
    Vector<Out, kWidth> normal;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      normal.values[i] =
          static_cast<Out>((numbers.values[i] - mean) * rstd * static_cast<Wide>(weight.values[i]) +
                           static_cast<Wide>(bias.values[i]));
    }
    store(out + j, normal);
  }
  if (work.mean && threadIdx.x % 32 == 0) {
    work.mean[token] = mean;
    work.rstd[token] = rstd;
  }
}

}  // namespace jnrf::cuda
