// Viterbi's steps by a warp: the best tag before each tag. No torch header in here.
#pragma once

#include "crf/cuda/step.cuh"

namespace jnrf::cuda {

// The best of what was considered, the first of equals; `tag` says which.
struct CrfChoice {
  double score;
  int tag;

  __device__ __forceinline__ void consider(double other, int other_tag) {
    tag = other > score ? other_tag : tag;
    score = other > score ? other : score;
  }
};

// A lane has the tags lane, lane + 32, ... (K of them). Of up to N tags it keeps the scores of
// going to its tag in registers, where loops without an end at run time find them; of more tags,
// with N = 0, the matrix lies in memory. All in float64.
template <int N, int K>
struct CrfSearch {
  static_assert(N == 0 || (K == 1 && N % 4 == 0 && N <= 32));
  static constexpr bool kInRegisters = N > 0;
  static constexpr int kWidth = 32 * K;  // of a row of scores in shared memory

  // Bytes of shared memory for two versions of R rows: those of a step are written while others
  // still read those of the step before.
  template <int R>
  static constexpr int kRowBytes = 2 * R * kWidth * static_cast<int>(sizeof(double));

  int tags, lane;
  double column[N > 0 ? N : 1];
  const double* matrix;  // [C, C], rows `pitch` apart
  int pitch;

  __device__ __forceinline__ int tag(int k) const { return lane + 32 * k; }
  __device__ __forceinline__ bool has(int k) const { return tag(k) < tags; }

  // The lane's column of a matrix [C, C]. N is C rounded up to a multiple of 4.
  template <typename W>
  __device__ __forceinline__ void load(const W* scores) {
    const bool here = lane < tags;
    const W* at = scores + (here ? lane : 0);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      column[i] = here && (i <= N - 4 || i < tags) ? static_cast<double>(*at) : minus_infinity();
      at += tags;
    }
  }

  // For each row r and tag j: the largest row[i] + matrix[i, j], and of equals the lowest i.
  template <int R>
  __device__ __forceinline__ void best(const double* rows, CrfChoice (&to)[R][K]) const {
    if constexpr (kInRegisters) {
#pragma unroll
      for (int r = 0; r < R; ++r) to[r][0] = best_in_registers(rows + r * kWidth);
    } else {
      best_in_memory<R>(rows, to);
    }
  }

  // Two searches side by side, each by pairs: one alone would wait for itself at every comparison.
  __device__ __forceinline__ CrfChoice best_in_registers(const double* row) const {
    const auto* pairs = reinterpret_cast<const double2*>(row);
    CrfChoice halves[2];
#pragma unroll
    for (int p = 0; p < N / 4; ++p) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int i = 2 * p + h * (N / 2);
        const double2 before = pairs[i / 2];
        CrfChoice pair{before.x + column[i], i};
        pair.consider(before.y + column[i + 1], i + 1);
        if (p == 0) {
          halves[h] = pair;
        } else {
          halves[h].consider(pair.score, pair.tag);
        }
      }
    }
    halves[0].consider(halves[1].score, halves[1].tag);
    return halves[0];
  }

  template <int R>
  __device__ __forceinline__ void best_in_memory(const double* rows, CrfChoice (&to)[R][K]) const {
    const int middle = (tags + 1) / 2;
    CrfChoice other[R][K];
    const double* at[K];
#pragma unroll
    for (int k = 0; k < K; ++k) {
      at[k] = matrix + (has(k) ? tag(k) : 0);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        to[r][k] = {rows[r * kWidth] + *at[k], 0};
        other[r][k] = {minus_infinity(), middle};
      }
    }
    for (int i = 0; i < middle; ++i) {
      const int j = min(middle + i, tags - 1);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const double near = at[k][i * pitch], beyond = at[k][j * pitch];
#pragma unroll
        for (int r = 0; r < R; ++r) {
          to[r][k].consider(rows[r * kWidth + i] + near, i);
          other[r][k].consider(rows[r * kWidth + j] + beyond, j);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r) {
#pragma unroll
      for (int k = 0; k < K; ++k) to[r][k].consider(other[r][k].score, other[r][k].tag);
    }
  }

  // Takes R rows of scores through `steps` steps, whose emissions are [steps, C] in shared memory.
  // After each, note(step, choices) is told which tags the best of row 0 came from.
  template <int R, typename F>
  __device__ __forceinline__ void advance(const double* emissions, int steps, double* rows,
                                          double (&score)[R][K], const F& note) const {
    __syncwarp();  // whoever still reads rows of before
    for (int t = 0; t < steps; ++t) {
      double emission[K];
#pragma unroll
      for (int k = 0; k < K; ++k) emission[k] = has(k) ? emissions[t * tags + tag(k)] : 0.0;
      double* now = rows + (t & 1) * R * kWidth;
#pragma unroll
      for (int r = 0; r < R; ++r) {
#pragma unroll
        for (int k = 0; k < K; ++k) now[r * kWidth + tag(k)] = score[r][k];
      }
      __syncwarp();
      CrfChoice choices[R][K];
      best<R>(now, choices);
#pragma unroll
      for (int r = 0; r < R; ++r) {
#pragma unroll
        for (int k = 0; k < K; ++k) {
          score[r][k] = has(k) ? choices[r][k].score + emission[k] : minus_infinity();
        }
      }
      note(t, choices[0]);
    }
  }

  // The best last tag, the same in every lane.
  template <typename W>
  __device__ __forceinline__ CrfChoice last(const W* end, double* row,
                                            const double (&score)[1][K]) const {
    __syncwarp();
#pragma unroll
    for (int k = 0; k < K; ++k) row[tag(k)] = score[0][k];
    __syncwarp();
    CrfChoice choice{row[0] + static_cast<double>(end[0]), 0};
    for (int j = 1; j < tags; ++j) choice.consider(row[j] + static_cast<double>(end[j]), j);
    return choice;
  }
};

// The search over a problem's transitions; where they do not stay in registers all threads of the
// block bring them to shared memory, [C, crf_row(C)], and must then wait for each other.
template <int N, int K, typename T, typename W>
__device__ __forceinline__ CrfSearch<N, K> crf_search(const CrfScores<T, W>& scores,
                                                      double* matrix) {
  const int tags = scores.tags;
  CrfSearch<N, K> search;
  search.tags = tags;
  search.lane = static_cast<int>(threadIdx.x % 32);
  search.matrix = matrix;
  search.pitch = crf_row(tags);
  if constexpr (N > 0) {
    search.load(scores.transitions);
  } else {
    for (int place = static_cast<int>(threadIdx.x); place < tags * tags;
         place += static_cast<int>(blockDim.x)) {
      matrix[place / tags * search.pitch + place % tags] =
          static_cast<double>(scores.transitions[place]);
    }
  }
  return search;
}

// The emissions of `steps` steps to shared memory, by all threads of the block.
template <typename T, typename W>
__device__ __forceinline__ void load_emissions(const CrfScores<T, W>& scores, int64_t first,
                                               int steps, double* to) {
  const T* from = scores.emissions + first * scores.tags;
#pragma unroll 4
  for (int place = static_cast<int>(threadIdx.x); place < steps * scores.tags;
       place += static_cast<int>(blockDim.x)) {
    to[place] = static_cast<double>(static_cast<W>(from[place]));
  }
}

// The scores of a sequence's first step.
template <int K, int N, typename T, typename W>
__device__ __forceinline__ double first_score(const CrfSearch<N, K>& search,
                                              const CrfScores<T, W>& scores,
                                              const double* emissions, int k) {
  if (!search.has(k)) return minus_infinity();
  return static_cast<double>(scores.start[search.tag(k)]) + emissions[search.tag(k)];
}

}  // namespace jnrf::cuda
