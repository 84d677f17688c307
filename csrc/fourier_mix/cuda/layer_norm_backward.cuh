// The backward of the LayerNorm that follows Fourier mixing. No torch header in here.
#pragma once

#include "fourier_mix/cuda/epilogue.cuh"

namespace jnrf::cuda {

template <typename Wide, typename T>
struct NormBackward {
  const T* grad;     // [T, H]
  const Wide* sum;   // [T, H] what was normalised
  const Wide* mean;  // [T]
  const Wide* rstd;  // [T]
  const T* weight;   // [H]
  Wide* grad_sum;    // [T, H]
  Wide* partial;     // [blocks, 2, H] sums over a block's tokens for weight and bias
  int64_t tokens;    // T
  int hidden;        // H
};

// Warp w of all has the tokens w, w + warps, ...; shared memory for 2 H numbers a warp.
template <int kWidth, typename Wide, typename T>
__global__ void __launch_bounds__(256, 2) norm_backward(NormBackward<Wide, T> work) {
  const int hidden = work.hidden, first = static_cast<int>(threadIdx.x % 32) * kWidth;
  const int warps = static_cast<int>(blockDim.x / 32), warp = static_cast<int>(threadIdx.x / 32);
  Wide* all_sums = dynamic_shared<Wide>();
  // A lane only touches its own numbers until the block is done.
  Wide *weight_sums = all_sums + 2 * warp * hidden, *bias_sums = weight_sums + hidden;
  for (int j = first; j < hidden; j += 32 * kWidth) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) weight_sums[j + i] = bias_sums[j + i] = 0;
  }
  const int64_t stride = static_cast<int64_t>(gridDim.x) * warps;
  for (int64_t token = static_cast<int64_t>(blockIdx.x) * warps + warp; token < work.tokens;
       token += stride) {
    const T* grad = work.grad + token * hidden;
    const Wide* sum = work.sum + token * hidden;
    const Wide mean = work.mean[token], rstd = work.rstd[token];
    Wide plain = 0, scaled = 0;
    for (int j = first; j < hidden; j += 32 * kWidth) {
      const auto grads = load<kWidth>(grad + j), weights = load<kWidth>(work.weight + j);
      const auto sums = load<kWidth>(sum + j);
      auto for_weight = load<kWidth>(weight_sums + j), for_bias = load<kWidth>(bias_sums + j);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const Wide g = static_cast<Wide>(grads.values[i]);
        const Wide normal = (sums.values[i] - mean) * rstd;
        const Wide weighted = g * static_cast<Wide>(weights.values[i]);
        plain += weighted;
        scaled += weighted * normal;
        for_weight.values[i] += g * normal;
        for_bias.values[i] += g;
      }
      store(weight_sums + j, for_weight);
      store(bias_sums + j, for_bias);
    }
    plain = warp_sum(plain) / static_cast<Wide>(hidden);
    scaled = warp_sum(scaled) / static_cast<Wide>(hidden);
    for (int j = first; j < hidden; j += 32 * kWidth) {
      const auto grads = load<kWidth>(grad + j), weights = load<kWidth>(work.weight + j);
      auto sums = load<kWidth>(sum + j);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const Wide weighted =
            static_cast<Wide>(grads.values[i]) * static_cast<Wide>(weights.values[i]);
        sums.values[i] = rstd * (weighted - plain - (sums.values[i] - mean) * rstd * scaled);
      }
      store(work.grad_sum + token * hidden + j, sums);
    }
  }
  __syncthreads();
  Wide* partial = work.partial + 2 * static_cast<int64_t>(blockIdx.x) * hidden;
  for (int j = static_cast<int>(threadIdx.x); j < 2 * hidden; j += static_cast<int>(blockDim.x)) {
    Wide total = 0;
    for (int w = 0; w < warps; ++w) total += all_sums[2 * w * hidden + j];
    partial[j] = total;
  }
}

inline constexpr int kSumWarps = 16;

template <typename Wide>
struct PartialSums {
  Wide sums[kSumWarps][32];
};

// Adds the partial sums [parts, 2, H] in a fixed order. A block has 32 features, each of its
// kSumWarps warps every kSumWarps-th part.
template <typename Wide, typename T>
__global__ void sum_partials(const Wide* partial, int parts, int hidden, T* grad_weight,
                             T* grad_bias) {
  auto& sums = static_shared<PartialSums<Wide>>().sums;
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  const int j = static_cast<int>(blockIdx.x) * 32 + lane;
  Wide total = 0;
  if (j < 2 * hidden) {
    for (int part = warp; part < parts; part += kSumWarps) {
      total += partial[2 * static_cast<int64_t>(part) * hidden + j];
    }
  }
  sums[warp][lane] = total;
  __syncthreads();
  if (warp != 0 || j >= 2 * hidden) return;
  total = 0;
  for (int w = 0; w < kSumWarps; ++w) total += sums[w][lane];
  (j < hidden ? grad_weight[j] : grad_bias[j - hidden]) = static_cast<T>(total);
}

}  // namespace jnrf::cuda
