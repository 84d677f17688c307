// What follows from the passes of linear-chain CRFs: losses, marginals and sums over pairs. No
// torch header in here.
#pragma once

#include "crf/cuda/passes.cuh"

namespace jnrf::cuda {

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
  const int b = warp_document_of(scores.bounds, scores.sequences, t);
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
  double scale = products ? 1 / sum : 0.0;
  if (weight && lane == 0) weight[t] = scale;
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

// What the pairs of a sequence's neighbouring tags sum to, less the given pairs: a chunk's share of
// them, [C, C]. A block a chunk and 4 x blockDim.x places of the matrix.
template <typename T, typename W>
__global__ void __launch_bounds__(kCrfThreads, 2)
    crf_pairs(CrfScores<T, W> scores, CrfPassed passed, const double* weight, const int64_t* gold,
              double* to) {
  constexpr int kPlaces = 4;
  double* sums = static_shared<CrfSums>().numbers;
  const int64_t share = blockIdx.x;
  const int b = warp_last_of(scores.sequences,
                             [&](int s) { return crf_first_chunk(scores.bounds[s], s) <= share; });
  const int tags = scores.tags, count = tags * tags;
  const CrfSequence at = crf_sequence(scores, b);
  const int64_t begin = (share - crf_first_chunk(at.first, b)) * kCrfChunkSteps;
  const int64_t end = min(begin + kCrfChunkSteps, at.length - 1);
  if (begin < 0 || begin >= end) return;  // there are fewer shares than there could be
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
  for (int64_t t = begin; t < end; ++t) {
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
  const double shift = transition_shift(scores);
#pragma unroll
  for (int p = 0; p < kPlaces; ++p) {
    const int place = base + p * static_cast<int>(blockDim.x);
    if (place >= count) continue;
    const double factor = exp(static_cast<double>(scores.transitions[place]) - shift);
    to[share * count + place] = total[p] * factor + rest[p];
  }
}

// [B, C, C]: the shares of each sequence, added up in their order.
template <typename T, typename W>
__global__ void __launch_bounds__(kCrfThreads)
    crf_sum_pairs(CrfScores<T, W> scores, const double* shares, W* to) {
  const int count = scores.tags * scores.tags;
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kCrfThreads + threadIdx.x;
  if (item >= static_cast<int64_t>(scores.sequences) * count) return;
  const auto b = static_cast<int>(item / count);
  const CrfSequence at = crf_sequence(scores, b);
  const double* share = shares + crf_first_chunk(at.first, b) * count + item % count;
  double total = 0;
#pragma unroll 8
  for (int64_t t = 0; t + 1 < at.length; t += kCrfChunkSteps) {
    total += *share;
    share += count;
  }
  to[item] = static_cast<W>(total);
}

}  // namespace jnrf::cuda
