// The best tags of sequences (Viterbi 1967), one step after another. No torch header in here.
#pragma once

#include "crf/cuda/search.cuh"

namespace jnrf::cuda {

// Steps whose emissions are brought to shared memory together; fewer where the matrix of up to 128
// tags leaves little room.
template <int K>
inline constexpr int kCrfTileSteps = K == 4 ? 16 : 32;

// Rows of pointers that are walked through in shared memory, in place of a tile of emissions.
inline constexpr int kCrfPointerRows = 128;
static_assert(kCrfPointerRows <= kCrfTileSteps<4> * sizeof(double));

// The best tags of a sequence, one warp. `from` [T, C] is for the pointers. Dynamic shared memory
// for two rows of scores, a tile of emissions, and the matrix where N is 0.
template <typename T, typename W, int N, int K>
__global__ void crf_viterbi(CrfScores<T, W> scores, uint8_t* from, int64_t* best, W* best_score) {
  using Search = CrfSearch<N, K>;
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags;
  const CrfSequence at = crf_sequence(scores, b);
  const int lane = static_cast<int>(threadIdx.x);
  if (at.length == 0) {
    if (lane == 0) best_score[b] = static_cast<W>(0.0);
    return;
  }
  double* rows = dynamic_shared<double>();
  double* tile = rows + Search::template kRowBytes<1> / sizeof(double);
  const Search search = crf_search<N, K>(scores, tile + kCrfTileSteps<K> * tags);
  double score[1][K];
  for (int64_t begin = 0; begin < at.length; begin += kCrfTileSteps<K>) {
    const auto steps = static_cast<int>(min(int64_t{kCrfTileSteps<K>}, at.length - begin));
    __syncwarp();
    load_emissions(scores, at.first + begin, steps, tile);
    __syncwarp();
    const int done = begin == 0;  // the first step comes from none
    if (done) {
#pragma unroll
      for (int k = 0; k < K; ++k) score[0][k] = first_score(search, scores, tile, k);
    }
    uint8_t* pointers = from + (at.first + begin + done) * tags;
    search.template advance<1>(
        tile + done * tags, steps - done, rows, score, [&](int t, const CrfChoice(&choices)[K]) {
#pragma unroll
          for (int k = 0; k < K; ++k) {
            if (!search.has(k)) continue;
            pointers[t * tags + search.tag(k)] = static_cast<uint8_t>(choices[k].tag);
          }
        });
  }
  const CrfChoice last = search.last(scores.end, rows, score);
  if (lane == 0) {
    best_score[b] = static_cast<W>(last.score);
    best[at.first + at.length - 1] = last.tag;
  }
  int tag = last.tag;
  auto* pointers = reinterpret_cast<uint8_t*>(tile);
  for (int64_t end = at.length; end > 1; end -= kCrfPointerRows) {
    const int64_t begin = max(end - kCrfPointerRows, int64_t{1});
    const auto count = static_cast<int>(end - begin);
    const uint8_t* of_rows = from + (at.first + begin) * tags;
    int64_t* to = best + at.first + begin - 1;
    __syncwarp();
#pragma unroll 4
    for (int place = lane; place < count * tags; place += 32) pointers[place] = of_rows[place];
    __syncwarp();
    for (int t = count - 1; t >= 0; --t) {
      tag = pointers[t * tags + tag];
      if (lane == 0) to[t] = tag;
    }
  }
}

}  // namespace jnrf::cuda
