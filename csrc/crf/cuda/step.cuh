// What the kernels of linear-chain CRFs share: scores, chunks of steps, and a step by a warp. No
// torch header in here.
//
// A lane has the tags lane, lane + 32, ... (K of them). Everything is float64, as on the CPU
// (crf/limits.h): probabilities rescaled at every step, and logarithms where something would
// underflow, decided for each sequence on the device.
#pragma once

#include "crf/limits.h"
#include "device/device.cuh"

namespace jnrf::cuda {

inline constexpr int kCrfThreads = 256;  // of blocks that are no passes

// Emissions are of type T, all other scores of type W.
template <typename T, typename W>
struct CrfScores {
  const T* emissions;                  // [T, C]
  const W *transitions, *start, *end;  // [C, C], [C], [C]
  const int32_t* bounds;               // [B + 1]
  int64_t tokens;                      // T
  int tags, sequences;                 // C, B
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

// Where the steps of a sequence do not wait for each other, blocks take chunks of so many steps:
// one alone would take all steps one after another. A sequence's chunks follow from its own length,
// whatever else is in the batch.
inline constexpr int kCrfChunkSteps = 32;

// The number of a sequence's first chunk, among as many as all sequences can have.
__host__ __device__ inline int64_t crf_first_chunk(int64_t first, int64_t b) {
  return first / kCrfChunkSteps + b;
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

// What the exponentials of the transitions lack, so that the largest is 1; by every warp for
// itself.
template <typename S>
__device__ __forceinline__ double transition_shift(const S& scores) {
  double largest = minus_infinity();
  for (int place = static_cast<int>(threadIdx.x) % 32; place < scores.tags * scores.tags;
       place += 32) {
    largest = larger(largest, static_cast<double>(scores.transitions[place]));
  }
  return finite_or_zero(warp_largest(largest));
}

// Where a matrix [C, C] lies in shared memory: rows of an odd number of doubles, so that neither
// rows nor columns meet in few banks.
__device__ __forceinline__ int crf_row(int tags) { return tags | 1; }

// A warp's view of one sequence.
template <typename T, typename W, int K>
struct CrfWarp {
  const CrfScores<T, W>& scores;
  const double* factors;  // [C, crf_row(C)] exponentials of the transitions, or their logarithms
  double* shared;         // rows of this warp
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

  // In logarithms, the row of shared numbers times the matrix (or its transpose).
  __device__ __forceinline__ void log_product(double (&to)[K], bool transposed) const {
    const int tags = scores.tags, row = crf_row(tags);
    const int along = transposed ? 1 : row, across = transposed ? row : 1;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double* column = factors + (has(k) ? tag(k) : 0) * across;
      double largest = minus_infinity(), total = 0;
      for (int i = 0; i < tags; ++i) largest = larger(largest, shared[i] + column[i * along]);
      if (largest - largest == 0) {
        for (int i = 0; i < tags; ++i) total += exp(shared[i] + column[i * along] - largest);
        largest += log(total);
      }
      to[k] = has(k) ? largest : minus_infinity();
    }
  }

  // In logarithms, the sum of all tags.
  __device__ __forceinline__ double log_total(const double (&x)[K]) const {
    double largest = minus_infinity(), sum = 0;
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
};

}  // namespace jnrf::cuda
