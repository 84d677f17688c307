#include "crf/cuda/launchers.h"

#include "crf/cuda/results.cuh"
#include "crf/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

constexpr unsigned kThreads = kCrfThreads;
constexpr int64_t kPlacesABlock = 4 * kThreads;  // of the matrix, in crf_pairs

CrfPassed passed(const CrfWorkspace& work) {
  return {work.alpha, work.beta, work.followed, work.weight, work.log_norm, work.logarithms};
}

template <int K, typename T, typename W, typename Out>
void marginals(const CrfScores<T, W>& scores, const CrfWorkspace& work, const int64_t* gold,
               Out* to, double* weight, void* stream) {
  launch("crf_marginals", crf_marginals<T, W, K, Out>, {blocks_for(scores.tokens, kThreads / 32)},
         kThreads, 0, stream, scores, passed(work), gold, to, weight);
}

}  // namespace

void launch_crf_passes(const CrfProblem& problem, const CrfWorkspace& work, void* stream) {
  constexpr unsigned warps = 2;
  crf_dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    launch("crf_factors", crf_factors<typename Of::T, typename Of::W, Of::K>,
           {blocks_for(problem.tokens, kThreads / 32)}, kThreads, 0, stream, typed.scores,
           passed(work));
    crf_for_tags<8>(typed, [&](auto sized) {
      constexpr int N = decltype(sized)::N;
      using Scaled = CrfScaled<typename Of::T, typename Of::W, N, Of::K>;
      const size_t shared =
          sizeof(double) * warps * Scaled::kDoubles + crf_matrix_bytes(problem.tags);
      launch("crf_passes", crf_passes<typename Of::T, typename Of::W, N, Of::K>,
             crf_block_a_sequence(problem), 32 * warps, shared, stream, typed.scores, passed(work));
    });
  });
}

void launch_crf_loss(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                     void* loss, void* stream) {
  crf_dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    launch("crf_loss", crf_loss<typename Of::T, typename Of::W>, crf_block_a_sequence(problem),
           kThreads, 0, stream, typed.scores, gold, work.log_norm,
           static_cast<typename Of::W*>(loss));
  });
}

int64_t crf_shares(const CrfProblem& problem) {
  return crf_first_chunk(problem.tokens, problem.sequences);
}

void launch_crf_gradients(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                          double* shares, void* of_emissions, void* of_transitions, void* stream) {
  crf_dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    marginals<Of::K>(typed.scores, work, gold, static_cast<typename Of::W*>(of_emissions),
                     work.weight, stream);
    const int64_t places = int64_t{problem.tags} * problem.tags;
    const Grid grid{static_cast<unsigned>(crf_shares(problem)), blocks_for(places, kPlacesABlock)};
    launch("crf_pairs", crf_pairs<typename Of::T, typename Of::W>, grid, kThreads, 0, stream,
           typed.scores, passed(work), work.weight, gold, shares);
    launch("crf_sum_pairs", crf_sum_pairs<typename Of::T, typename Of::W>,
           Grid{blocks_for(problem.sequences * places, kThreads)}, kThreads, 0, stream,
           typed.scores, shares, static_cast<typename Of::W*>(of_transitions));
  });
}

void launch_crf_marginals(const CrfProblem& problem, const CrfWorkspace& work, void* to,
                          void* stream) {
  crf_dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    marginals<Of::K>(typed.scores, work, nullptr, static_cast<typename Of::T*>(to), nullptr,
                     stream);
  });
}

}  // namespace jnrf::cuda
