// Kernels after (and before) the real 2-D FFT of Fourier mixing. No torch header in here.
#pragma once

#include "cuda/device.cuh"

namespace jnrf::cuda {

struct Warps {
  float sums[32];
};

// Documents of equal length that lie side by side, and what happens to their spectra.
template <typename Residual, typename Out>
struct Epilogue {
  const float* spectrum;     // [documents, N, H/2+1] complex, the half that a real FFT gives
  const Residual* residual;  // [documents * N, H] or null
  Out* out;                  // [documents * N, H]
  const Out* weight;         // [H], or null: no LayerNorm, and what follows is not used
  const Out* bias;           // [H]
  float* sum;                // [documents * N, H] what is normalised, or null
  float *mean, *rstd;        // [documents * N], null with sum
  float eps;
  float scale;
  int64_t length;  // N
  int64_t hidden;  // H
};

// out = residual + scale * Re FFT2(x), or its LayerNorm. A block a token, shared memory for H
// numbers. The other half of the spectrum is the mirrored one: F[k,j] = conj F[-k,-j].
template <typename Residual, typename Out>
__global__ void mix_epilogue(Epilogue<Residual, Out> work) {
  float* warps = static_shared<Warps>().sums;
  float* row = dynamic_shared<float>();
  const int64_t token = blockIdx.x, length = work.length, hidden = work.hidden;
  const int64_t half = hidden / 2 + 1, document = token / length, k = token % length;
  const float* spectra = work.spectrum + 2 * document * length * half;
  const float* direct = spectra + 2 * k * half;
  const float* mirrored = spectra + 2 * (k == 0 ? 0 : length - k) * half;
  Out* out = work.out + token * hidden;

  float total = 0;
  for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
    float value = work.scale * (j < half ? direct[2 * j] : mirrored[2 * (hidden - j)]);
    if (work.residual) value += static_cast<float>(work.residual[token * hidden + j]);
    if (work.weight) {
      row[j] = value;
    } else {
      out[j] = static_cast<Out>(value);
    }
    total += value;
  }
  if (!work.weight) return;

  const float mean = block_sum(total, warps) / static_cast<float>(hidden);
  float square = 0;
  for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
    square += (row[j] - mean) * (row[j] - mean);
  }
  const float variance = block_sum(square, warps) / static_cast<float>(hidden);
  const float rstd = 1.0f / sqrtf(variance + work.eps);
  for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
    const float weight = static_cast<float>(work.weight[j]);
    out[j] = static_cast<Out>((row[j] - mean) * rstd * weight + static_cast<float>(work.bias[j]));
    if (work.sum) work.sum[token * hidden + j] = row[j];
  }
  if (work.mean && threadIdx.x == 0) {
    work.mean[token] = mean;
    work.rstd[token] = rstd;
  }
}

template <typename T>
struct NormBackward {
  const T* grad;      // [T, H]
  const float* sum;   // [T, H]
  const float* mean;  // [T]
  const float* rstd;  // [T]
  const T* weight;    // [H]
  float* grad_sum;    // [T, H]
  float* partial;     // [blocks, 2, H] sums over a block's tokens for weight and bias
  int64_t tokens;     // T
  int64_t hidden;     // H
};

// The LayerNorm's backward. Block b has the tokens b, b + blocks, ...; shared memory for 2 H
// numbers, of which a thread only touches its own.
template <typename T>
__global__ void norm_backward(NormBackward<T> work) {
  float* warps = static_shared<Warps>().sums;
  const int64_t hidden = work.hidden;
  float *weight_sums = dynamic_shared<float>(), *bias_sums = weight_sums + hidden;
  for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) weight_sums[j] = bias_sums[j] = 0;
  for (int64_t token = blockIdx.x; token < work.tokens; token += gridDim.x) {
    const T* grad = work.grad + token * hidden;
    const float* sum = work.sum + token * hidden;
    const float mean = work.mean[token], rstd = work.rstd[token];
    float plain = 0, scaled = 0;
    for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
      const float g = static_cast<float>(grad[j]), normal = (sum[j] - mean) * rstd;
      const float weighted = g * static_cast<float>(work.weight[j]);
      plain += weighted;
      scaled += weighted * normal;
      weight_sums[j] += g * normal;
      bias_sums[j] += g;
    }
    plain = block_sum(plain, warps) / static_cast<float>(hidden);
    scaled = block_sum(scaled, warps) / static_cast<float>(hidden);
    for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
      const float weighted = static_cast<float>(grad[j]) * static_cast<float>(work.weight[j]);
      work.grad_sum[token * hidden + j] =
          rstd * (weighted - plain - (sum[j] - mean) * rstd * scaled);
    }
  }
  float* partial = work.partial + 2 * static_cast<int64_t>(blockIdx.x) * hidden;
  for (int64_t j = threadIdx.x; j < hidden; j += blockDim.x) {
    partial[j] = weight_sums[j];
    partial[hidden + j] = bias_sums[j];
  }
}

// Adds the partial sums [parts, 2, H] in order. A thread a feature.
template <typename T>
__global__ void sum_partials(const float* partial, int64_t parts, int64_t hidden, T* grad_weight,
                             T* grad_bias) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (j >= hidden) return;
  float weight = 0, bias = 0;
  for (int64_t part = 0; part < parts; ++part) {
    weight += partial[2 * part * hidden + j];
    bias += partial[(2 * part + 1) * hidden + j];
  }
  grad_weight[j] = static_cast<T>(weight);
  grad_bias[j] = static_cast<T>(bias);
}

}  // namespace jnrf::cuda
