// The best tags of sequences (Viterbi 1967). No torch header in here.
#pragma once

#include "cuda/crf_step.cuh"

namespace jnrf::cuda {

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
  const int middle = (tags + 1) / 2;
  warp.end_factors(scores.start, score, far);
  __syncwarp();
  double next[K];
#pragma unroll
  for (int k = 0; k < K; ++k) next[k] = warp.has(k) ? warp.emission(0, k) : minus_infinity();
  for (int64_t t = 0; t < at.length; ++t) {
    double emission[K];
#pragma unroll
    for (int k = 0; k < K; ++k) {
      emission[k] = next[k];
      // On its way while this step is worked on.
      if (warp.has(k) && t + 1 < at.length) next[k] = warp.emission(t + 1, k);
    }
    if (t > 0) {
      warp.share(score);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int column = warp.has(k) ? warp.tag(k) : 0;
        // Two searches side by side: one alone would wait for itself at every comparison.
        double top = shared[0] + matrix[column], other = minus_infinity();
        int which = 0, of_other = middle;
        for (int i = 0; i < middle; ++i) {
          const double value = shared[i] + matrix[i * row + column];
          which = value > top ? i : which;
          top = value > top ? value : top;
          const int j = min(middle + i, tags - 1);
          const double beyond = shared[j] + matrix[j * row + column];
          of_other = beyond > other ? j : of_other;
          other = beyond > other ? beyond : other;
        }
        which = other > top ? of_other : which;
        top = other > top ? other : top;
        score[k] = top;
        if (warp.has(k)) from[(at.first + t) * tags + column] = static_cast<uint8_t>(which);
      }
    }
#pragma unroll
    for (int k = 0; k < K; ++k) {
      score[k] = warp.has(k) ? score[k] + emission[k] : minus_infinity();
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
