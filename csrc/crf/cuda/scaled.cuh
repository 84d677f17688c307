// The forward and backward passes of linear-chain CRFs in probabilities. No torch header in here.
//
// Rows are scaled by powers of two, which is exact: no division and no logarithm in a step, and of
// log Z only the exponents must be added up. A row's sum, which says by which power, comes with the
// product of the row and the matrix, as every lane reads the row for that anyway.
#pragma once

#include <cstring>

#include "crf/cuda/step.cuh"

namespace jnrf::cuda {

// What the passes leave. alpha, beta and followed are logarithms where `logarithms` says so.
struct CrfPassed {
  double* alpha;        // [T, C] proportional to the tags' probabilities given all up to here
  double* beta;         // [T, C] proportional to the likelihood of what follows, or null
  double* followed;     // [T, C] beta times the emissions' exponentials, scaled so that the matrix
                        // times a row is the row of beta before it; null with it
  double* lacks;        // [T] see crf_factors
  double* log_norm;     // [B]
  int32_t* logarithms;  // [B]
};

// 2^-e for a number of 2^e up to twice that; adds e to `exponent`.
__device__ __forceinline__ double inverse_power(double number, int64_t& exponent) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof(bits));
  const auto biased = static_cast<int>(bits >> 52);
  exponent += biased - 1023;
  bits = static_cast<uint64_t>(2046 - biased) << 52;
  double power;
  memcpy(&power, &bits, sizeof(power));
  return power;
}

// One pass by a warp. Of up to N tags a lane keeps its column (or row) of the matrix in registers,
// of more, with N = 0, it reads them from shared memory.
template <typename T, typename W, int N, int K>
class CrfScaled {
  static_assert(N == 0 || (K == 1 && N % 4 == 0 && N <= 32));
  static constexpr int kWidth = 32 * K;
  // Steps whose factors a lane fetches together: it waits for memory once for all of them.
  static constexpr int kTile = K == 4 ? 8 : 32;
  // With sums above this, products of the least factors and of what is no less than kCrfLeast of
  // the sum can't underflow.
  static constexpr double kLeastSum = 1e-40;

 public:
  // Of a warp's shared memory: a row that is read while the next is written, and a tile.
  static constexpr int kDoubles = (2 + kTile) * kWidth;

  __device__ __forceinline__ CrfScaled(const CrfWarp<T, W, K>& of, bool transposed) : warp(of) {
    const int row = crf_row(warp.scores.tags), across = transposed ? row : 1;
    along = transposed ? 1 : row;
#pragma unroll
    for (int k = 0; k < K; ++k) at[k] = warp.factors + (warp.has(k) ? warp.tag(k) : 0) * across;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      column[i] = warp.has(0) && i < warp.scores.tags ? at[0][i * along] : 0.0;
    }
  }

  // alpha and log_norm; false where it must be done in logarithms. `shift` is what the transitions'
  // factors lack, `lacked` what those of all steps do.
  __device__ bool forward(const CrfPassed& to, int b, double shift, double lacked) {
    const int64_t length = warp.at.length;
    double row[K], x[K];
    bool far = false;
    double norm = warp.end_factors(warp.scores.start, row, far) + lacked;
    if (__any_sync(kAllLanes, far)) return false;
    for (int64_t begin = 0; begin < length; begin += kTile) {
      const auto steps = static_cast<int>(min(int64_t{kTile}, length - begin));
      fetch(to.alpha, begin, steps);
      for (int t = 0; t < steps; ++t) {
        if (begin + t > 0) {
          double next[K];
          multiply(row, next);
          if (to.beta) warp.keep(to.alpha, begin + t - 1, row);
#pragma unroll
          for (int k = 0; k < K; ++k) row[k] = next[k];
        }
        factors(t, row);
      }
      if (__any_sync(kAllLanes, failed)) return false;
    }
    multiply(row, x);  // for the scale
    if (to.beta) warp.keep(to.alpha, length - 1, row);
    norm += warp.end_factors(warp.scores.end, x, far);
    double last = 0;
#pragma unroll
    for (int k = 0; k < K; ++k) last += row[k] * x[k];
    last = warp_sum(last);
    if (__any_sync(kAllLanes, far || failed) || !(last > 0)) return false;
    constexpr double kLogarithmOfTwo = 0.69314718055994530942;
    norm += shift * static_cast<double>(length - 1);
    norm += kLogarithmOfTwo * static_cast<double>(exponent);
    if (warp.lane == 0) to.log_norm[b] = norm + log(last);
    return true;
  }

  // beta and followed; the first row of the latter stays, as no step comes before.
  __device__ bool backward(const CrfPassed& to) {
    if (!to.beta) return true;
    const int64_t length = warp.at.length;
    double beta[K], row[K];
    bool far = false;
    warp.end_factors(warp.scores.end, beta, far);
    if (__any_sync(kAllLanes, far)) return false;
    for (int64_t end = length; end > 0; end -= kTile) {
      const int64_t begin = max(end - kTile, int64_t{0});
      const auto steps = static_cast<int>(end - begin);
      fetch(to.followed, begin, steps);
      for (int t = steps - 1; t >= 0; --t) {
        if (begin + t + 1 < length) {
          multiply(row, beta);
          warp.keep(to.followed, begin + t + 1, row);
        }
        warp.keep(to.beta, begin + t, beta);
#pragma unroll
        for (int k = 0; k < K; ++k) row[k] = beta[k];
        factors(t, row);
      }
      if (__any_sync(kAllLanes, failed)) return false;
    }
    return true;
  }

 private:
  const CrfWarp<T, W, K>& warp;
  double column[N > 0 ? N : 1];
  const double* at[K];
  int along, now = 0;
  int64_t exponent = 0;
  bool failed = false;

  __device__ __forceinline__ double* tile() const { return warp.shared + 2 * kWidth; }

  // A lane reads what it wrote itself: there is nothing to wait for but memory.
  __device__ __forceinline__ void fetch(const double* of, int64_t begin, int steps) const {
    const double* from = of + (warp.at.first + begin) * warp.scores.tags;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (!warp.has(k)) continue;
#pragma unroll 8
      for (int t = 0; t < steps; ++t) {
        tile()[t * kWidth + warp.tag(k)] = from[t * warp.scores.tags + warp.tag(k)];
      }
    }
  }

  // The row times the factors of step t of the tile.
  __device__ __forceinline__ void factors(int t, double (&row)[K]) const {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      row[k] = warp.has(k) ? row[k] * tile()[t * kWidth + warp.tag(k)] : 0.0;
    }
  }

  // Scales a row to a sum of 1 to 2 and multiplies it with the matrix. Where a number becomes too
  // small `failed` is set.
  __device__ __forceinline__ void multiply(double (&row)[K], double (&to)[K]) {
    double sum = product(row, to);
    if (sum < kLeastSum && sum > 0) {  // in all lanes; seldom
      scale(row, inverse_power(sum, exponent));
      sum = product(row, to);
    }
    const double power = inverse_power(sum, exponent);
    scale(row, power);
    scale(to, power);
    failed = failed || !(sum > 0);
#pragma unroll
    for (int k = 0; k < K; ++k) failed = failed || (row[k] > 0 && row[k] < kCrfLeast);
  }

  __device__ __forceinline__ void scale(double (&row)[K], double by) const {
#pragma unroll
    for (int k = 0; k < K; ++k) row[k] *= by;
  }

  // The row times the matrix; returns the row's sum, the same bits in every lane.
  __device__ __forceinline__ double product(const double (&row)[K], double (&to)[K]) {
    double* shared = warp.shared + now * kWidth;
    now ^= 1;
#pragma unroll
    for (int k = 0; k < K; ++k) shared[warp.tag(k)] = row[k];
    __syncwarp();
    // Sums side by side: one alone would wait for itself at every addition.
    if constexpr (N > 0) {
      const auto* pairs = reinterpret_cast<const double2*>(shared);
      double sums[4] = {}, products[4] = {};
#pragma unroll
      for (int i = 0; i < N; i += 2) {
        const double2 pair = pairs[i / 2];
        sums[i % 4] += pair.x;
        sums[i % 4 + 1] += pair.y;
        products[i % 4] += pair.x * column[i];
        products[i % 4 + 1] += pair.y * column[i + 1];
      }
      to[0] = (products[0] + products[1]) + (products[2] + products[3]);
      return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    } else {
      double even[K] = {}, odd[K] = {}, sum = 0, sum_of_odd = 0;
      for (int i = 0; i < warp.scores.tags; i += 2) {
        // An odd number of tags leaves room for one more in a row, which is 0.
        const int j = min(i + 1, warp.scores.tags - 1);
        sum += shared[i];
        sum_of_odd += shared[i + 1];
#pragma unroll
        for (int k = 0; k < K; ++k) {
          even[k] += shared[i] * at[k][i * along];
          odd[k] += shared[i + 1] * at[k][j * along];
        }
      }
#pragma unroll
      for (int k = 0; k < K; ++k) to[k] = warp.has(k) ? even[k] + odd[k] : 0.0;
      return sum + sum_of_odd;
    }
  }
};

}  // namespace jnrf::cuda
