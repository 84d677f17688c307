// The forward and backward passes of linear-chain CRFs. No torch header in here.
#pragma once

#include "cuda/crf_step.cuh"

namespace jnrf::cuda {

// What the passes leave. alpha, beta and followed are logarithms where `logarithms` says so.
struct CrfPassed {
  double* alpha;        // [T, C] the tags' probabilities given the emissions up to here
  double* beta;         // [T, C] proportional to the likelihood of what follows, or null
  double* followed;     // [T, C] beta times the emissions' exponentials, null with it
  double* divided;      // [T] the sums that the rows of beta were divided by, null with it
  double* lacks;        // [T] see crf_factors
  double* log_norm;     // [B]
  int32_t* logarithms;  // [B]
};

// The factors of all steps, which depend on no other step, to where the passes read them and then
// write: alpha and followed. lacks[t] is what they lack of the scores, not a number where one is
// too small. A warp a step. The passes themselves would wait for memory and exponentials at every
// step.
template <typename T, typename W, int K>
__global__ void __launch_bounds__(kCrfThreads) crf_factors(CrfScores<T, W> scores, CrfPassed to) {
  const int64_t t = (static_cast<int64_t>(blockIdx.x) * kCrfThreads + threadIdx.x) / 32;
  if (t >= scores.tokens) return;  // whole warps
  const CrfWarp<T, W, K> warp{
      scores, nullptr, nullptr, {0, scores.tokens}, static_cast<int>(threadIdx.x % 32), false};
  double x[K];
  bool far = false;
  const double lacks = warp.step_factors(t, x, far);
  warp.keep(to.alpha, t, x);
  if (to.followed) warp.keep(to.followed, t, x);
  far = __any_sync(kAllLanes, far);
  if (warp.lane == 0) to.lacks[t] = far ? HUGE_VAL - HUGE_VAL : lacks;
}

// Sums whose logarithm is wanted, multiplied while that can neither overflow nor underflow: few
// logarithms do.
struct CrfLogarithm {
  double value = 0, product = 1;

  __device__ __forceinline__ void add(double sum) {
    constexpr double kLeast = 1e-100, kMost = 1e100;
    if (sum < kLeast) {
      value += log(sum);
      return;
    }
    product *= sum;
    if (product < kLeast || product > kMost) {
      value += log(product);
      product = 1;
    }
  }
  __device__ __forceinline__ double total() const { return value + log(product); }
};

// alpha and log_norm; false where it must be done in logarithms. `shift` is what the transitions'
// factors lack, `lacked` what those of all steps do.
template <typename T, typename W, int K>
__device__ bool crf_forward(const CrfWarp<T, W, K>& warp, const CrfPassed& to, int b, double shift,
                            double lacked) {
  double row[K], x[K], next[K] = {};
  bool far = false;
  double norm = warp.end_factors(warp.scores.start, row, far) + lacked;
  CrfLogarithm sums;
  if (__any_sync(kAllLanes, far)) return false;
  if (!warp.logarithms) warp.kept(to.alpha, 0, next);
  for (int64_t t = 0; t < warp.at.length; ++t) {
    if (warp.logarithms) {
      warp.step_factors(t, x, far);
    } else {
#pragma unroll
      for (int k = 0; k < K; ++k) x[k] = next[k];
      // On its way while this step is worked on.
      if (t + 1 < warp.at.length) warp.kept(to.alpha, t + 1, next);
    }
    if (t > 0) {
      warp.share(row);
      warp.product(row, false);
      norm += shift;
    }
#pragma unroll
    for (int k = 0; k < K; ++k) row[k] = warp.logarithms ? row[k] + x[k] : row[k] * x[k];
    if (!warp.logarithms) {
      const double sum = warp.total(row);
      if (!warp.divide(row, sum)) return false;
      sums.add(sum);
    }
    if (to.beta) warp.keep(to.alpha, t, row);
  }
  norm += warp.end_factors(warp.scores.end, x, far);
  if (__any_sync(kAllLanes, far)) return false;
#pragma unroll
  for (int k = 0; k < K; ++k) row[k] = warp.logarithms ? row[k] + x[k] : row[k] * x[k];
  const double last = warp.total(row);
  if (!warp.logarithms && !(last > 0)) return false;
  if (warp.lane == 0) to.log_norm[b] = warp.logarithms ? last : norm + sums.total() + log(last);
  return true;
}

// beta, followed and divided.
template <typename T, typename W, int K>
__device__ bool crf_backward(const CrfWarp<T, W, K>& warp, const CrfPassed& to) {
  double row[K], x[K], next[K] = {};
  bool far = false;
  if (!to.beta) return true;
  if (!warp.logarithms) warp.kept(to.followed, warp.at.length - 1, next);
  for (int64_t t = warp.at.length - 1; t >= 0; --t) {
    if (t == warp.at.length - 1) {
      warp.end_factors(warp.scores.end, row, far);
      if (__any_sync(kAllLanes, far)) return false;
    } else {
      warp.product(row, true);
    }
    if (warp.logarithms) {
      warp.step_factors(t, x, far);
    } else {
#pragma unroll
      for (int k = 0; k < K; ++k) x[k] = next[k];
      if (t > 0) warp.kept(to.followed, t - 1, next);
    }
    if (!warp.logarithms) {
      const double sum = warp.total(row);
      if (!warp.divide(row, sum)) return false;
      if (warp.lane == 0) to.divided[warp.at.first + t] = sum;
    }
    warp.keep(to.beta, t, row);
#pragma unroll
    for (int k = 0; k < K; ++k) row[k] = warp.logarithms ? row[k] + x[k] : row[k] * x[k];
    warp.keep(to.followed, t, row);
    warp.share(row);
  }
  return true;
}

struct CrfFlags {
  double sums[32];
  int failed[2], far;
};

// Both passes of a sequence: warp 0 goes forward, warp 1 backward, if that is wanted. Dynamic
// shared memory for the matrix and a row a warp.
template <typename T, typename W, int K>
__global__ void crf_passes(CrfScores<T, W> scores, CrfPassed to) {
  CrfFlags& flags = static_shared<CrfFlags>();
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags, row = crf_row(tags);
  const int warp_index = static_cast<int>(threadIdx.x) / 32;
  const CrfSequence at = crf_sequence(scores, b);
  if (at.length == 0) {
    if (threadIdx.x == 0) {
      to.log_norm[b] = 0;
      to.logarithms[b] = 0;
    }
    return;
  }
  double* factors = dynamic_shared<double>();
  double* shared = factors + tags * row + warp_index * tags;
  const double shift = transition_shift(scores);
  double lacked = 0;
#pragma unroll 4
  for (int64_t t = threadIdx.x; t < at.length; t += blockDim.x) lacked += to.lacks[at.first + t];
  lacked = block_sum(lacked, flags.sums);
  if (threadIdx.x == 0) flags.far = flags.failed[0] = flags.failed[1] = 0;
  __syncthreads();
  for (int place = static_cast<int>(threadIdx.x); place < tags * tags;
       place += static_cast<int>(blockDim.x)) {
    const double score = static_cast<double>(scores.transitions[place]);
    const double factor = exp(score - shift);
    factors[place / tags * row + place % tags] = factor;
    if (!(factor >= kCrfLeastFactor || score == minus_infinity())) atomicMax(&flags.far, 1);
  }
  __syncthreads();
  CrfWarp<T, W, K> warp{scores, factors, shared, at, static_cast<int>(threadIdx.x % 32), false};
  bool failed = flags.far != 0 || lacked != lacked;
  if (!failed) {
    failed = warp_index == 0 ? !crf_forward(warp, to, b, shift, lacked) : !crf_backward(warp, to);
  }
  if (warp.lane == 0) flags.failed[warp_index] = failed;
  __syncthreads();
  const bool again = flags.failed[0] || flags.failed[1];
  if (threadIdx.x == 0) to.logarithms[b] = again;
  if (!again) return;
  for (int place = static_cast<int>(threadIdx.x); place < tags * tags;
       place += static_cast<int>(blockDim.x)) {
    factors[place / tags * row + place % tags] = static_cast<double>(scores.transitions[place]);
  }
  __syncthreads();
  warp.logarithms = true;
  if (warp_index == 0) {
    crf_forward(warp, to, b, 0.0, 0.0);
  } else {
    crf_backward(warp, to);
  }
}

}  // namespace jnrf::cuda
