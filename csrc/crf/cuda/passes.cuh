// The forward and backward passes of linear-chain CRFs. No torch header in here.
#pragma once

#include "crf/cuda/scaled.cuh"

namespace jnrf::cuda {

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

// alpha and log_norm, in logarithms.
template <typename T, typename W, int K>
__device__ void crf_log_forward(const CrfWarp<T, W, K>& warp, const CrfPassed& to, int b) {
  double row[K], x[K];
  bool far = false;
  warp.end_factors(warp.scores.start, row, far);
  for (int64_t t = 0; t < warp.at.length; ++t) {
    warp.step_factors(t, x, far);
    if (t > 0) {
      warp.share(row);
      warp.log_product(row, false);
    }
#pragma unroll
    for (int k = 0; k < K; ++k) row[k] += x[k];
    if (to.beta) warp.keep(to.alpha, t, row);
  }
  warp.end_factors(warp.scores.end, x, far);
#pragma unroll
  for (int k = 0; k < K; ++k) row[k] += x[k];
  const double last = warp.log_total(row);
  if (warp.lane == 0) to.log_norm[b] = last;
}

// beta and followed, in logarithms.
template <typename T, typename W, int K>
__device__ void crf_log_backward(const CrfWarp<T, W, K>& warp, const CrfPassed& to) {
  double row[K], x[K];
  bool far = false;
  if (!to.beta) return;
  for (int64_t t = warp.at.length - 1; t >= 0; --t) {
    if (t == warp.at.length - 1) {
      warp.end_factors(warp.scores.end, row, far);
    } else {
      warp.log_product(row, true);
    }
    warp.step_factors(t, x, far);
    warp.keep(to.beta, t, row);
#pragma unroll
    for (int k = 0; k < K; ++k) row[k] += x[k];
    warp.keep(to.followed, t, row);
    warp.share(row);
  }
}

struct CrfFlags {
  double sums[32];
  int failed[2], far;
};

// Both passes of a sequence: warp 0 goes forward, warp 1 backward, if that is wanted. Dynamic
// shared memory for the rows and factors of each warp, and the matrix.
template <typename T, typename W, int N, int K>
__global__ void __launch_bounds__(64, 4) crf_passes(CrfScores<T, W> scores, CrfPassed to) {
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
  using Scaled = CrfScaled<T, W, N, K>;
  double* shared = dynamic_shared<double>() + warp_index * Scaled::kDoubles;
  double* factors = dynamic_shared<double>() + 2 * Scaled::kDoubles;
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
    Scaled scaled(warp, warp_index == 1);
    failed = warp_index == 0 ? !scaled.forward(to, b, shift, lacked) : !scaled.backward(to);
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
    crf_log_forward(warp, to, b);
  } else {
    crf_log_backward(warp, to);
  }
}

}  // namespace jnrf::cuda
