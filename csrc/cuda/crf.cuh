// Linear-chain CRFs: forward-backward, what follows from it, and Viterbi. No torch header in here.
//
// A block has a sequence, a warp one direction of it, a lane the tags lane, lane + 32, ... (K of
// them). Everything is float64, as on the CPU (cpu/crf_passes.h): probabilities rescaled at every
// step, and logarithms where something would underflow, decided for each sequence on the device.
#pragma once

#include "common/crf.h"
#include "cuda/device.cuh"

namespace jnrf::cuda {

// As on the CPU: what is not 0 but below these calls for logarithms.
inline constexpr double kCrfLeastFactor = 1e-50;
inline constexpr double kCrfLeast = 1e-200;

// Emissions are of type T, all other scores of type W.
template <typename T, typename W>
struct CrfScores {
  const T* emissions;                  // [T, C]
  const W *transitions, *start, *end;  // [C, C], [C], [C]
  const int32_t* bounds;               // [B + 1]
  int64_t tokens;                      // T
  int tags, sequences;                 // C, B
};

// What the passes leave. alpha, beta and followed are logarithms where `logarithms` says so.
struct CrfPassed {
  double* alpha;        // [T, C] the tags' probabilities given the emissions up to here
  double* beta;         // [T, C] proportional to the likelihood of what follows
  double* followed;     // [T, C] beta times the emissions' exponentials
  double* divided;      // [T] the sums that the rows of beta were divided by
  double* log_norm;     // [B]
  int32_t* logarithms;  // [B]
};

struct CrfSequence {
  int64_t first, length;
};

// Bounds on the device cannot be checked without a wait; wrong ones must not lead astray.
template <typename S>
__device__ __forceinline__ CrfSequence crf_sequence(const S& scores, int b) {
  const int64_t first = min(max(int64_t{scores.bounds[b]}, int64_t{0}), scores.tokens);
  const int64_t end = min(max(int64_t{scores.bounds[b + 1]}, first), scores.tokens);
  return {first, end - first};
}

__device__ __forceinline__ double minus_infinity() { return -HUGE_VAL; }

// The larger, or what is not a number.
__device__ __forceinline__ double larger(double a, double b) { return b > a || b != b ? b : a; }

__device__ __forceinline__ double warp_largest(double value) {
  for (int step = 16; step > 0; step /= 2) {
    value = larger(value, __shfl_xor_sync(kAllLanes, value, step));
  }
  return value;
}

__device__ __forceinline__ double finite_or_zero(double value) {
  return value - value == 0 ? value : 0.0;
}

// Where a matrix [C, C] lies in shared memory: rows of an odd number of doubles, so that neither
// rows nor columns meet in few banks.
__device__ __forceinline__ int crf_row(int tags) { return tags | 1; }

// A warp's view of one sequence.
template <typename T, typename W, int K>
struct CrfWarp {
  const CrfScores<T, W>& scores;
  const double* factors;  // [C, crf_row(C)] exponentials of the transitions, or their logarithms
  double* shared;         // [C] of this warp
  CrfSequence at;
  int lane;
  bool logarithms;

  __device__ __forceinline__ int tag(int k) const { return lane + 32 * k; }
  __device__ __forceinline__ bool has(int k) const { return tag(k) < scores.tags; }
  __device__ __forceinline__ double emission(int64_t t, int k) const {
    return static_cast<double>(
        static_cast<W>(scores.emissions[(at.first + t) * scores.tags + tag(k)]));
  }

  // The factors of step t and what they lack of the scores; see `scaled`.
  __device__ __forceinline__ double step_factors(int64_t t, double (&x)[K], bool& far) const {
#pragma unroll
    for (int k = 0; k < K; ++k) x[k] = has(k) ? emission(t, k) : minus_infinity();
    return scaled(x, far);
  }

  // The same for start or end scores.
  __device__ __forceinline__ double end_factors(const W* of, double (&x)[K], bool& far) const {
#pragma unroll
    for (int k = 0; k < K; ++k) x[k] = has(k) ? static_cast<double>(of[tag(k)]) : minus_infinity();
    return scaled(x, far);
  }

  // Scores become their exponentials less the largest, which is returned; `far` where one is too
  // small. In logarithms they stay.
  __device__ __forceinline__ double scaled(double (&x)[K], bool& far) const {
    if (logarithms) return 0;
    double largest = minus_infinity();
#pragma unroll
    for (int k = 0; k < K; ++k) largest = larger(largest, x[k]);
    largest = finite_or_zero(warp_largest(largest));
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double score = x[k];
      x[k] = exp(score - largest);
      far = far || !(x[k] >= kCrfLeastFactor || score == minus_infinity());
    }
    return largest;
  }

  // The row of shared numbers times the matrix (or its transpose); in logarithms, log sum exp.
  __device__ __forceinline__ void product(double (&to)[K], bool transposed) const {
    const int tags = scores.tags, row = crf_row(tags);
    const int along = transposed ? 1 : row, across = transposed ? row : 1;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double* column = factors + (has(k) ? tag(k) : 0) * across;
      if (!logarithms) {
        // Two sums side by side: one alone would wait for itself at every addition.
        double even = 0, odd = 0;
        int i = 0;
        for (; i + 1 < tags; i += 2) {
          even += shared[i] * column[i * along];
          odd += shared[i + 1] * column[(i + 1) * along];
        }
        if (i < tags) even += shared[i] * column[i * along];
        to[k] = has(k) ? even + odd : 0.0;
        continue;
      }
      double largest = minus_infinity(), total = 0;
      for (int i = 0; i < tags; ++i) largest = larger(largest, shared[i] + column[i * along]);
      if (largest - largest == 0) {
        for (int i = 0; i < tags; ++i) total += exp(shared[i] + column[i * along] - largest);
        largest += log(total);
      }
      to[k] = has(k) ? largest : minus_infinity();
    }
  }

  // The sum of all tags; in logarithms, log sum exp.
  __device__ __forceinline__ double total(const double (&x)[K]) const {
    double sum = 0;
    if (!logarithms) {
#pragma unroll
      for (int k = 0; k < K; ++k) sum += x[k];
      return warp_sum(sum);
    }
    double largest = minus_infinity();
#pragma unroll
    for (int k = 0; k < K; ++k) largest = larger(largest, x[k]);
    largest = warp_largest(largest);
    if (!(largest - largest == 0)) return largest;
#pragma unroll
    for (int k = 0; k < K; ++k) sum += exp(x[k] - largest);
    return largest + log(warp_sum(sum));
  }

  __device__ __forceinline__ void share(const double (&x)[K]) const {
    __syncwarp();  // whoever still reads the last row
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (has(k)) shared[tag(k)] = x[k];
    }
    __syncwarp();
  }

  __device__ __forceinline__ void keep(double* of, int64_t t, const double (&x)[K]) const {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (has(k)) of[(at.first + t) * scores.tags + tag(k)] = x[k];
    }
  }

  // Divides a row by its sum; false where something is too small.
  __device__ __forceinline__ bool divide(double (&x)[K], double by) const {
    bool small = !(by > 0);
    const double factor = 1 / by;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      x[k] *= factor;
      small = small || (x[k] > 0 && x[k] < kCrfLeast);
    }
    return !__any_sync(kAllLanes, small);
  }
};

// alpha and log_norm; false where it must be done in logarithms. `shift` is what the transitions'
// factors lack.
template <typename T, typename W, int K>
__device__ bool crf_forward(const CrfWarp<T, W, K>& warp, const CrfPassed& to, int b,
                            double shift) {
  double row[K], x[K];
  bool far = false;
  double norm = warp.end_factors(warp.scores.start, row, far);
  for (int64_t t = 0; t < warp.at.length; ++t) {
    norm += warp.step_factors(t, x, far);
    if (__any_sync(kAllLanes, far)) return false;
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
      norm += log(sum);
    }
    if (to.alpha) warp.keep(to.alpha, t, row);
  }
  norm += warp.end_factors(warp.scores.end, x, far);
  if (__any_sync(kAllLanes, far)) return false;
#pragma unroll
  for (int k = 0; k < K; ++k) row[k] = warp.logarithms ? row[k] + x[k] : row[k] * x[k];
  const double last = warp.total(row);
  if (!warp.logarithms && !(last > 0)) return false;
  if (warp.lane == 0) to.log_norm[b] = warp.logarithms ? last : norm + log(last);
  return true;
}

// beta, followed and divided.
template <typename T, typename W, int K>
__device__ bool crf_backward(const CrfWarp<T, W, K>& warp, const CrfPassed& to) {
  double row[K], x[K];
  bool far = false;
  for (int64_t t = warp.at.length - 1; t >= 0; --t) {
    if (t == warp.at.length - 1) {
      warp.end_factors(warp.scores.end, row, far);
    } else {
      warp.product(row, true);
    }
    warp.step_factors(t, x, far);
    if (__any_sync(kAllLanes, far)) return false;
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
  int failed[2], far;
};

// Both passes of a sequence: warp 0 goes forward, warp 1, if the block has one, backward. Dynamic
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
  double largest = minus_infinity();
  for (int place = static_cast<int>(threadIdx.x) % 32; place < tags * tags; place += 32) {
    largest = larger(largest, static_cast<double>(scores.transitions[place]));
  }
  const double shift = finite_or_zero(warp_largest(largest));
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
  bool failed = flags.far != 0;
  if (!failed)
    failed = warp_index == 0 ? !crf_forward(warp, to, b, shift) : !crf_backward(warp, to);
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
    crf_forward(warp, to, b, 0.0);
  } else {
    crf_backward(warp, to);
  }
}

struct CrfSums {
  double numbers[32];
};

// loss[b] = log Z - score of the given tags; not a number where one of them is none. A block a
// sequence.
template <typename T, typename W>
__global__ void crf_loss(CrfScores<T, W> scores, const int64_t* gold, const double* log_norm,
                         W* loss) {
  const int b = static_cast<int>(blockIdx.x);
  const CrfSequence at = crf_sequence(scores, b);
  double score = 0;
  for (int64_t t = threadIdx.x; t < at.length; t += blockDim.x) {
    const int64_t token = at.first + t, tag = gold[token];
    const int64_t before = t > 0 ? gold[token - 1] : 0;
    if (tag < 0 || tag >= scores.tags || before < 0 || before >= scores.tags) {
      score = HUGE_VAL - HUGE_VAL;
      continue;
    }
    score += static_cast<double>(static_cast<W>(scores.emissions[token * scores.tags + tag]));
    score += static_cast<double>(t > 0 ? scores.transitions[before * scores.tags + tag]
                                       : scores.start[tag]);
    if (t == at.length - 1) score += static_cast<double>(scores.end[tag]);
  }
  score = block_sum(score, static_shared<CrfSums>().numbers);
  if (threadIdx.x == 0) loss[b] = static_cast<W>(at.length > 0 ? log_norm[b] - score : 0.0);
}

// The marginal probabilities of a step's tags, less one for the given tag where there is one: a
// warp a step, [T, C] of type Out. weight[t] becomes 1 / (what the products alpha[i]
// transition[i,j] followed[j] of t and t + 1 sum to), or 0 where they are too small.
template <typename T, typename W, int K, typename Out>
__global__ void crf_marginals(CrfScores<T, W> scores, CrfPassed passed, const int64_t* gold,
                              Out* to, double* weight) {
  const int64_t t = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (t >= scores.tokens) return;  // whole warps
  const int b = document_of(scores.bounds, scores.sequences, t);
  const bool logarithms = passed.logarithms[b] != 0;
  double alpha[K], beta[K], sum = 0, largest = minus_infinity();
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int tag = lane + 32 * k;
    const bool has = tag < scores.tags;
    const double nothing = logarithms ? minus_infinity() : 0.0;
    alpha[k] = has ? passed.alpha[t * scores.tags + tag] : nothing;
    beta[k] = has ? passed.beta[t * scores.tags + tag] : nothing;
    if (!logarithms) sum += alpha[k] * beta[k];
  }
  sum = warp_sum(sum);
  const bool products = sum > kCrfLeast;
  if (weight && lane == 0) {
    const double pairs = products ? sum * passed.divided[t] : 0.0;
    weight[t] = pairs > kCrfLeast ? 1 / pairs : 0.0;
  }
  double scale = products ? 1 / sum : 0.0;
  if (!products) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      alpha[k] = logarithms ? alpha[k] + beta[k] : log(alpha[k]) + log(beta[k]);
      largest = larger(largest, alpha[k]);
    }
    largest = warp_largest(largest);
    sum = 0;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      alpha[k] = exp(alpha[k] - largest);
      beta[k] = 1;
      sum += alpha[k];
    }
    scale = 1 / warp_sum(sum);
  }
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int tag = lane + 32 * k;
    if (tag >= scores.tags) continue;
    const double given = gold && gold[t] == tag ? 1.0 : 0.0;
    to[t * scores.tags + tag] = static_cast<Out>(alpha[k] * beta[k] * scale - given);
  }
}

// What the pairs of a sequence's neighbouring tags sum to, less the given pairs: [B, C, C]. A block
// a sequence and 4 x blockDim.x places of the matrix.
template <typename T, typename W>
__global__ void crf_pairs(CrfScores<T, W> scores, CrfPassed passed, const double* weight,
                          const int64_t* gold, W* to) {
  constexpr int kPlaces = 4;
  double* sums = static_shared<CrfSums>().numbers;
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags, count = tags * tags;
  const CrfSequence at = crf_sequence(scores, b);
  const bool logarithms = passed.logarithms[b] != 0;
  const int base = static_cast<int>((blockIdx.y * kPlaces) * blockDim.x + threadIdx.x);
  int row[kPlaces], column[kPlaces];
  double total[kPlaces] = {}, rest[kPlaces] = {};
#pragma unroll
  for (int p = 0; p < kPlaces; ++p) {
    const int place = min(base + p * static_cast<int>(blockDim.x), count - 1);
    row[p] = place / tags;
    column[p] = place % tags;
  }
  for (int64_t t = 0; t + 1 < at.length; ++t) {
    const int64_t token = at.first + t;
    const double* alpha = passed.alpha + token * tags;
    const double* followed = passed.followed + (token + 1) * tags;
    const double by = logarithms ? 0.0 : weight[token];
    const int64_t before = gold[token], after = gold[token + 1];
    // Where products are too small for a weight, the step is done in logarithms by all threads.
    double norm = passed.log_norm[b];
    const bool slow = !(by > 0);
    if (slow && !logarithms) {
      double largest = minus_infinity(), part = 0;
      for (int pass = 0; pass < 2; ++pass) {
        for (int place = static_cast<int>(threadIdx.x); place < count;
             place += static_cast<int>(blockDim.x)) {
          const double value = log(alpha[place / tags]) + log(followed[place % tags]) +
                               static_cast<double>(scores.transitions[place]);
          if (pass == 0) {
            largest = larger(largest, value);
          } else if (largest - largest == 0) {
            part += exp(value - largest);
          }
        }
        if (pass == 1) break;
        largest = warp_largest(largest);
        if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = largest;
        __syncthreads();
        for (unsigned w = 0; w < blockDim.x / 32; ++w) largest = larger(largest, sums[w]);
        __syncthreads();
      }
      norm = largest + log(block_sum(part, sums));
    }
#pragma unroll
    for (int p = 0; p < kPlaces; ++p) {
      if (!slow) {
        total[p] += alpha[row[p]] * followed[column[p]] * by;
      } else {
        const double a = logarithms ? alpha[row[p]] : log(alpha[row[p]]);
        const double f = logarithms ? followed[column[p]] : log(followed[column[p]]);
        const double score = static_cast<double>(scores.transitions[row[p] * tags + column[p]]);
        rest[p] += exp(a + score + f - norm);
      }
      rest[p] -= before == row[p] && after == column[p] ? 1.0 : 0.0;
    }
  }
  double largest = minus_infinity();
  for (int place = static_cast<int>(threadIdx.x) % 32; place < count; place += 32) {
    largest = larger(largest, static_cast<double>(scores.transitions[place]));
  }
  const double shift = finite_or_zero(warp_largest(largest));
#pragma unroll
  for (int p = 0; p < kPlaces; ++p) {
    const int place = base + p * static_cast<int>(blockDim.x);
    if (place >= count) continue;
    const double factor = exp(static_cast<double>(scores.transitions[place]) - shift);
    to[static_cast<int64_t>(b) * count + place] = static_cast<W>(total[p] * factor + rest[p]);
  }
}

// Rows of pointers that are walked through in shared memory.
inline constexpr int kCrfPointerRows = 128;

// The best tags of a sequence, one warp. `from` [T, C] is for the pointers. Dynamic shared memory
// for the matrix, a row of scores, and kCrfPointerRows rows of pointers.
template <typename T, typename W, int K>
__global__ void crf_viterbi(CrfScores<T, W> scores, uint8_t* from, int64_t* best, W* best_score) {
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags, row = crf_row(tags);
  const CrfSequence at = crf_sequence(scores, b);
  const int lane = static_cast<int>(threadIdx.x);
  if (at.length == 0) {
    if (lane == 0) best_score[b] = static_cast<W>(0.0);
    return;
  }
  double* matrix = dynamic_shared<double>();
  double* shared = matrix + tags * row;
  auto* pointers = reinterpret_cast<uint8_t*>(shared + tags);
  for (int place = lane; place < tags * tags; place += 32) {
    matrix[place / tags * row + place % tags] = static_cast<double>(scores.transitions[place]);
  }
  const CrfWarp<T, W, K> warp{scores, matrix, shared, at, lane, true};
  double score[K];
  bool far = false;
  warp.end_factors(scores.start, score, far);
  __syncwarp();
  for (int64_t t = 0; t < at.length; ++t) {
    if (t > 0) {
      warp.share(score);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int column = warp.has(k) ? warp.tag(k) : 0;
        double top = shared[0] + matrix[column];
        int which = 0;
        for (int i = 1; i < tags; ++i) {
          const double value = shared[i] + matrix[i * row + column];
          which = value > top ? i : which;
          top = value > top ? value : top;
        }
        score[k] = top;
        if (warp.has(k)) from[(at.first + t) * tags + column] = static_cast<uint8_t>(which);
      }
    }
#pragma unroll
    for (int k = 0; k < K; ++k) {
      score[k] = warp.has(k) ? score[k] + warp.emission(t, k) : minus_infinity();
    }
  }
  double top = minus_infinity();
  int tag = 0;
  warp.share(score);
  for (int j = 0; j < tags; ++j) {  // every lane the same
    const double value = shared[j] + static_cast<double>(scores.end[j]);
    tag = j == 0 || value > top ? j : tag;
    top = j == 0 || value > top ? value : top;
  }
  if (lane == 0) {
    best_score[b] = static_cast<W>(top);
    best[at.first + at.length - 1] = tag;
  }
  for (int64_t end = at.length; end > 1; end -= kCrfPointerRows) {
    const int64_t begin = max(end - kCrfPointerRows, int64_t{1});
    __syncwarp();
    for (int64_t place = lane; place < (end - begin) * tags; place += 32) {
      pointers[place] = from[(at.first + begin) * tags + place];
    }
    __syncwarp();
    for (int64_t t = end - 1; t >= begin; --t) {
      tag = pointers[(t - begin) * tags + tag];
      if (lane == 0) best[at.first + t - 1] = tag;
    }
  }
}

}  // namespace jnrf::cuda
