// Back through the chunks of long sequences (chunks.cuh): their paths, and of these the best.
// No torch header in here.
#pragma once

#include "crf/cuda/chunks.cuh"

namespace jnrf::cuda {

inline constexpr int kCrfChunkMaps = 128;  // chunks that are walked through at once

// The paths of each chunk, and of each sequence's last one the best tag and its score. A warp a
// chunk; dynamic shared memory for two rows, the emissions, the pointers, and the matrix where N is
// 0.
template <typename T, typename W, int N, int K>
__global__ void __launch_bounds__(32)
    crf_chunk_paths(CrfScores<T, W> scores, CrfChunks chunks, int64_t* best, W* best_score) {
  using Search = CrfSearch<N, K>;
  const int64_t number = blockIdx.x;
  const CrfChunk chunk = crf_chunk(scores, number);
  if (chunk.steps == 0) return;
  const int tags = scores.tags, steps = chunk.steps, done = chunk.first();
  const int64_t token = chunk.at.first + chunk.begin;
  double* rows = dynamic_shared<double>();
  double* emissions = rows + Search::template kRowBytes<1> / sizeof(double);
  auto* pointers = reinterpret_cast<uint8_t*>(emissions + kCrfChunkSteps * tags);
  const Search search =
      crf_search<N, K>(scores, emissions + kCrfChunkSteps * tags + kCrfChunkSteps / 8 * tags);
  load_emissions(scores, token, steps, emissions);
  __syncwarp();
  double score[1][K];
#pragma unroll
  for (int k = 0; k < K; ++k) {
    if (chunk.first()) {
      score[0][k] = first_score(search, scores, emissions, k);
    } else {
      score[0][k] = search.has(k) ? chunks.scores[number * tags + search.tag(k)] : minus_infinity();
    }
  }
  search.template advance<1>(
      emissions + done * tags, steps - done, rows, score, [&](int t, const CrfChoice(&choices)[K]) {
#pragma unroll
        for (int k = 0; k < K; ++k) {
          if (!search.has(k)) continue;
          pointers[(t + done) * tags + search.tag(k)] = static_cast<uint8_t>(choices[k].tag);
        }
      });
  if (chunk.last()) {
    const CrfChoice last = search.last(scores.end, rows, score);
    if (search.lane == 0) {
      best_score[chunk.b] = static_cast<W>(last.score);
      best[token + steps - 1] = last.tag;
    }
  }
  __syncwarp();
  int tag[K];
#pragma unroll
  for (int k = 0; k < K; ++k) tag[k] = search.tag(k);
  for (int t = steps - 1; t >= 0; --t) {
    uint8_t* to = chunks.paths + (token + t) * tags;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (!search.has(k)) continue;
      to[search.tag(k)] = static_cast<uint8_t>(tag[k]);
      if (t >= done) tag[k] = pointers[t * tags + tag[k]];
    }
  }
#pragma unroll
  for (int k = 0; k < K; ++k) {
    if (search.has(k)) {
      chunks.before[number * tags + search.tag(k)] = static_cast<uint8_t>(tag[k]);
    }
  }
}

struct CrfEnds {
  uint8_t tags[kCrfChunkMaps];
};

// All tags, from the last of each sequence. A block a sequence; dynamic shared memory for
// kCrfChunkMaps rows of bytes.
template <typename T, typename W>
__global__ void __launch_bounds__(kCrfThreads)
    crf_chunk_tags(CrfScores<T, W> scores, CrfChunks chunks, int64_t* best) {
  CrfEnds& ends = static_shared<CrfEnds>();
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags;
  const auto thread = static_cast<int>(threadIdx.x);
  const CrfSequence at = crf_sequence(scores, b);
  if (at.length == 0) return;
  auto* maps = dynamic_shared<uint8_t>();
  const int64_t first = crf_first_chunk(at.first, b);
  const int64_t count = (at.length + kCrfChunkSteps - 1) / kCrfChunkSteps;
  // Nothing was written where bounds on the device are wrong, and must not lead astray.
  const auto valid = [&](int64_t tag) {
    return static_cast<int>(min(max(tag, int64_t{0}), int64_t{tags - 1}));
  };
  int tag = thread == 0 ? valid(best[at.first + at.length - 1]) : 0;  // of the first thread alone
  for (int64_t end = count; end > 0; end -= kCrfChunkMaps) {
    const int64_t begin = max(end - kCrfChunkMaps, int64_t{0});
    const auto here = static_cast<int>(end - begin);
    __syncthreads();
    for (int place = thread; place < here * tags; place += kCrfThreads) {
      maps[place] = chunks.before[(first + begin) * tags + place];
    }
    __syncthreads();
    for (int c = here - 1; thread == 0 && c >= 0; --c) {
      ends.tags[c] = static_cast<uint8_t>(tag);
      tag = min(static_cast<int>(maps[c * tags + tag]), tags - 1);
    }
    __syncthreads();
    const int64_t token = at.first + begin * kCrfChunkSteps;
    const auto steps =
        static_cast<int>(min(int64_t{here} * kCrfChunkSteps, at.first + at.length - token));
    const uint8_t* paths = chunks.paths + token * tags;
    for (int t = thread; t < steps; t += kCrfThreads) {
      best[token + t] = paths[t * tags + ends.tags[t / kCrfChunkSteps]];
    }
  }
}

}  // namespace jnrf::cuda
