// The best tags of long sequences, many steps at a time. No torch header in here.
//
// A sequence is cut into chunks of kCrfChunkSteps steps. Scores that a chunk makes of those before
// it are a product with a matrix, of maxima in place of sums and sums in place of products, which
// each chunk finds for itself; one short pass over the matrices gives the scores that every chunk
// begins with, and from there all chunks search at the same time. Going back works alike: a chunk
// follows its pointers from every tag it could end with, and one short pass picks the right one.
//
// The scores at a chunk's beginning are sums in another order than those of a pass step by step.
// Of float32 numbers they are exact in float64 unless far apart, and choices then the same; of
// float64 numbers they are not, and viterbi.cuh is there for those.
#pragma once

#include "crf/cuda/search.cuh"

namespace jnrf::cuda {

// Rows of scores that a warp takes through a chunk together, and warps that a block has at most.
// Where columns take few registers, there is a warp for every tag.
template <int N>
inline constexpr int kCrfChunkRows = N == 0 || N > 24 ? 2 : 1;
template <int N>
inline constexpr int kCrfChunkWarps = N == 0 || N > 24 ? 16 : N;

// What the kernels leave for each other. A chunk's number is crf_first_chunk of its sequence and
// how many come before it there.
struct CrfChunks {
  double* products;  // [chunks, C, C] best scores from a tag before the chunk to its last tag; row
                     // 0 of a sequence's first chunk has the scores of its last tag
  double* scores;    // [chunks, C] of the tags before the chunk; none of a sequence's first
  uint8_t* paths;    // [T, C] the tag of a step where its chunk ends with tag j
  uint8_t* before;   // [chunks, C] likewise the tag before the chunk
};

// A block's chunk; it has no steps where there are fewer chunks than there could be.
struct CrfChunk {
  CrfSequence at;
  int64_t begin;
  int b, steps;

  __device__ __forceinline__ bool first() const { return begin == 0; }
  __device__ __forceinline__ bool last() const { return begin + steps == at.length; }
};

template <typename S>
__device__ __forceinline__ CrfChunk crf_chunk(const S& scores, int64_t number) {
  const int b = warp_last_of(scores.sequences,
                             [&](int s) { return crf_first_chunk(scores.bounds[s], s) <= number; });
  const CrfSequence at = crf_sequence(scores, b);
  const int64_t begin = (number - crf_first_chunk(at.first, b)) * kCrfChunkSteps;
  if (begin < 0 || begin >= at.length) return {at, 0, b, 0};
  return {at, begin, b, static_cast<int>(min(int64_t{kCrfChunkSteps}, at.length - begin))};
}

// The products of all chunks but each sequence's last. A block a chunk; dynamic shared memory for
// the emissions, the rows of each warp, and the matrix where N is 0.
template <typename T, typename W, int N, int K>
__global__ void __launch_bounds__(32 * kCrfChunkWarps<N>)
    crf_chunk_products(CrfScores<T, W> scores, CrfChunks chunks) {
  using Search = CrfSearch<N, K>;
  constexpr int R = kCrfChunkRows<N>, kRowDoubles = Search::template kRowBytes<R> / sizeof(double);
  const int64_t number = blockIdx.x;
  const CrfChunk chunk = crf_chunk(scores, number);
  if (chunk.steps == 0 || chunk.last()) return;
  const int tags = scores.tags, warp = static_cast<int>(threadIdx.x / 32);
  const int warps = static_cast<int>(blockDim.x / 32);
  double* rows = dynamic_shared<double>();
  double* emissions = rows + warps * kRowDoubles;
  const Search search = crf_search<N, K>(scores, emissions + kCrfChunkSteps * tags);
  load_emissions(scores, chunk.at.first + chunk.begin, chunk.steps, emissions);
  __syncthreads();
  const int done = chunk.first();
  for (int from = R * warp; from < (chunk.first() ? 1 : tags); from += R * warps) {
    double score[R][K];
#pragma unroll
    for (int r = 0; r < R; ++r) {
#pragma unroll
      for (int k = 0; k < K; ++k) {
        score[r][k] = search.tag(k) == from + r ? 0.0 : minus_infinity();
        if (chunk.first()) score[r][k] = first_score(search, scores, emissions, k);
      }
    }
    search.template advance<R>(emissions + done * tags, chunk.steps - done,
                               rows + warp * kRowDoubles, score, [](int, const CrfChoice(&)[K]) {});
#pragma unroll
    for (int r = 0; r < R; ++r) {
      if (from + r >= tags) continue;
      double* to = chunks.products + (number * tags + from + r) * tags;
#pragma unroll
      for (int k = 0; k < K; ++k) {
        if (search.has(k)) to[search.tag(k)] = score[r][k];
      }
    }
  }
}

// The scores before each chunk but the first of a sequence. A warp a sequence; dynamic shared
// memory for two rows.
template <typename T, typename W, int N, int K>
__global__ void __launch_bounds__(32)
    crf_chunk_scores(CrfScores<T, W> scores, CrfChunks chunks, W* best_score) {
  using Search = CrfSearch<N, K>;
  const int b = static_cast<int>(blockIdx.x), tags = scores.tags;
  const CrfSequence at = crf_sequence(scores, b);
  if (at.length == 0 && threadIdx.x == 0) best_score[b] = static_cast<W>(0.0);
  const int64_t first = crf_first_chunk(at.first, b);
  const int64_t count = (at.length + kCrfChunkSteps - 1) / kCrfChunkSteps;
  if (count < 2) return;
  double* rows = dynamic_shared<double>();
  // Two, so that a product is on its way while the one before is worked with.
  Search search[2];
#pragma unroll
  for (Search& one : search) {
    one.tags = one.pitch = tags;
    one.lane = static_cast<int>(threadIdx.x);
  }
  const auto fetch = [&](Search& one, int64_t c) {
    const double* product = chunks.products + (first + min(c, count - 2)) * tags * tags;
    one.matrix = product;
    one.load(product);
  };
  double score[K];
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const double* row = chunks.products + first * tags * tags;
    score[k] = search[0].has(k) ? row[search[0].tag(k)] : minus_infinity();
  }
  const auto keep = [&](int64_t c) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (search[0].has(k)) chunks.scores[(first + c) * tags + search[0].tag(k)] = score[k];
    }
  };
  const auto multiply = [&](const Search& one, double* row) {
#pragma unroll
    for (int k = 0; k < K; ++k) row[one.tag(k)] = score[k];
    __syncwarp();
    CrfChoice choices[1][K];
    one.template best<1>(row, choices);
#pragma unroll
    for (int k = 0; k < K; ++k) score[k] = one.has(k) ? choices[0][k].score : minus_infinity();
  };
  keep(1);
  fetch(search[0], 1);
  for (int64_t c = 1; c + 1 < count; c += 2) {
    fetch(search[1], c + 1);
    multiply(search[0], rows);
    keep(c + 1);
    if (c + 2 >= count) break;
    fetch(search[0], c + 2);
    multiply(search[1], rows + Search::kWidth);
    keep(c + 2);
  }
}

}  // namespace jnrf::cuda
