#include <type_traits>

#include "crf/cuda/chunk_paths.cuh"
#include "crf/cuda/typed_launch.h"
#include "crf/cuda/viterbi.cuh"

namespace jnrf::cuda {
namespace {

constexpr int kMostChunkTags = 64;
constexpr int64_t kFewChunks = 6;  // which are no faster than a pass step by step

// What the kernels of a problem take of shared memory, and how they are launched.
template <typename Of>
struct Launcher {
  using T = typename Of::T;
  using W = typename Of::W;
  static constexpr int N = Of::N, K = Of::K;

  const CrfProblem& problem;
  const CrfScores<T, W>& scores;
  int64_t* tags;
  W* best_score;
  void* stream;

  template <int kRows>
  static constexpr size_t kRowBytes = CrfSearch<N, K>::template kRowBytes<kRows>;

  size_t emission_bytes(int steps) const { return sizeof(double) * steps * problem.tags; }
  size_t matrix() const { return N > 0 ? 0 : crf_matrix_bytes(problem.tags); }

  void by_steps(uint8_t* pointers) const {
    launch("crf_viterbi", crf_viterbi<T, W, N, K>, crf_block_a_sequence(problem), 32,
           kRowBytes<1> + emission_bytes(kCrfTileSteps<K>) + matrix(), stream, scores, pointers,
           tags, best_score);
  }

  // As many warps as share the tags evenly.
  unsigned warps() const {
    const unsigned all = blocks_for(problem.tags, kCrfChunkRows<N>);
    return blocks_for(all, blocks_for(all, kCrfChunkWarps<N>));
  }

  void by_chunks(const CrfChunks& chunks, unsigned count) const {
    const size_t emissions = emission_bytes(kCrfChunkSteps);
    launch("crf_chunk_products", crf_chunk_products<T, W, N, K>, {count}, 32 * warps(),
           warps() * kRowBytes<kCrfChunkRows<N>> + emissions + matrix(), stream, scores, chunks);
    launch("crf_chunk_scores", crf_chunk_scores<T, W, N, K>, crf_block_a_sequence(problem), 32,
           kRowBytes<1>, stream, scores, chunks, best_score);
    const auto pointers = static_cast<size_t>(kCrfChunkSteps * problem.tags);
    launch("crf_chunk_paths", crf_chunk_paths<T, W, N, K>, {count}, 32,
           kRowBytes<1> + emissions + pointers + matrix(), stream, scores, chunks, tags,
           best_score);
    launch("crf_chunk_tags", crf_chunk_tags<T, W>, crf_block_a_sequence(problem), kCrfThreads,
           static_cast<size_t>(kCrfChunkMaps * problem.tags), stream, scores, chunks, tags);
  }
};

}  // namespace

// By chunks, all multiprocessors together take about 2 C^2 cycles for each step of all sequences.
// Step by step, the longest sequence takes about 10 C + 150 cycles a step, the others beside it.
int64_t crf_chunks(const CrfProblem& problem) {
  if (problem.type == CrfType::kDouble || problem.tags > kMostChunkTags) return 0;
  if (problem.longest <= kFewChunks * kCrfChunkSteps) return 0;
  const int64_t tags = problem.tags, by_chunks = 2 * tags * tags * problem.tokens;
  const int64_t by_steps = (10 * tags + 150) * problem.longest;
  if (by_chunks > multiprocessors() * by_steps) return 0;
  return crf_first_chunk(problem.tokens, problem.sequences);
}

void launch_crf_viterbi(const CrfProblem& problem, const CrfSearchWorkspace& work, int64_t* tags,
                        void* scores, void* stream) {
  const CrfChunks chunks{work.products, work.scores, work.steps, work.before};
  const auto count = static_cast<unsigned>(crf_chunks(problem));
  crf_dispatch(problem, [&](auto typed) {
    crf_for_tags<4>(typed, [&](auto sized) {
      using Of = decltype(sized);
      const Launcher<Of> launcher{problem, sized.scores, tags, static_cast<typename Of::W*>(scores),
                                  stream};
      // What crf_chunks leaves to the steps needs no kernels for chunks.
      if constexpr (Of::K <= 2 && !std::is_same_v<typename Of::T, double>) {
        if (count > 0) return launcher.by_chunks(chunks, count);
      }
      launcher.by_steps(work.steps);
    });
  });
}

}  // namespace jnrf::cuda
