#include "cuda/crf.h"

#include "cuda/crf_results.cuh"
#include "cuda/crf_viterbi.cuh"
#include "cuda/launch.h"

namespace jnrf::cuda {
namespace {

constexpr unsigned kThreads = kCrfThreads;
constexpr int64_t kPlacesABlock = 4 * kThreads;  // of the matrix, in crf_pairs

// A problem with its types, and how many tags a lane has.
template <typename Emission, typename Weight, int kTagsALane>
struct Typed {
  using T = Emission;
  using W = Weight;
  static constexpr int K = kTagsALane;
  CrfScores<T, W> scores;
};

// Calls f with the problem as it is typed.
template <typename F>
void dispatch(const CrfProblem& problem, const F& f) {
  const auto by_type = [&](auto emission, auto weight) {
    using T = decltype(emission);
    using W = decltype(weight);
    const CrfScores<T, W> scores{static_cast<const T*>(problem.emissions),
                                 static_cast<const W*>(problem.transitions),
                                 static_cast<const W*>(problem.start),
                                 static_cast<const W*>(problem.end),
                                 problem.bounds,
                                 problem.tokens,
                                 problem.tags,
                                 problem.sequences};
    if (problem.tags <= 32) {
      f(Typed<T, W, 1>{scores});
    } else if (problem.tags <= 64) {
      f(Typed<T, W, 2>{scores});
    } else {
      f(Typed<T, W, 4>{scores});
    }
  };
  if (problem.type == CrfType::kFloat) by_type(float{}, float{});
  if (problem.type == CrfType::kDouble) by_type(double{}, double{});
  if (problem.type == CrfType::kBfloat16) by_type(bfloat16{}, float{});
}

CrfPassed passed(const CrfWorkspace& work) {
  return {work.alpha,  work.beta,     work.followed,  work.divided,
          work.weight, work.log_norm, work.logarithms};
}

Grid a_block_a_sequence(const CrfProblem& problem) {
  return {static_cast<unsigned>(problem.sequences)};
}

// A matrix with rows of an odd number of doubles.
size_t matrix_bytes(int tags) { return sizeof(double) * tags * (tags | 1); }

template <int K, typename T, typename W, typename Out>
void marginals(const CrfScores<T, W>& scores, const CrfWorkspace& work, const int64_t* gold,
               Out* to, double* weight, void* stream) {
  launch("crf_marginals", crf_marginals<T, W, K, Out>, {blocks_for(scores.tokens, kThreads / 32)},
         kThreads, 0, stream, scores, passed(work), gold, to, weight);
}

}  // namespace

void launch_crf_passes(const CrfProblem& problem, const CrfWorkspace& work, void* stream) {
  constexpr unsigned warps = 2;
  const size_t shared = matrix_bytes(problem.tags) + warps * problem.tags * sizeof(double);
  dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    launch("crf_factors", crf_factors<typename Of::T, typename Of::W, Of::K>,
           {blocks_for(problem.tokens, kThreads / 32)}, kThreads, 0, stream, typed.scores,
           passed(work));
    launch("crf_passes", crf_passes<typename Of::T, typename Of::W, Of::K>,
           a_block_a_sequence(problem), 32 * warps, shared, stream, typed.scores, passed(work));
  });
}

void launch_crf_loss(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                     void* loss, void* stream) {
  dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    launch("crf_loss", crf_loss<typename Of::T, typename Of::W>, a_block_a_sequence(problem),
           kThreads, 0, stream, typed.scores, gold, work.log_norm,
           static_cast<typename Of::W*>(loss));
  });
}

int64_t crf_shares(const CrfProblem& problem) {
  return crf_first_share(problem.tokens, problem.sequences);
}

void launch_crf_gradients(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                          double* shares, void* of_emissions, void* of_transitions, void* stream) {
  dispatch(problem, [&](auto typed) {
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
  dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    marginals<Of::K>(typed.scores, work, nullptr, static_cast<typename Of::T*>(to), nullptr,
                     stream);
  });
}

void launch_crf_viterbi(const CrfProblem& problem, uint8_t* pointers, int64_t* tags, void* scores,
                        void* stream) {
  const size_t shared = matrix_bytes(problem.tags) + problem.tags * sizeof(double) +
                        static_cast<size_t>(kCrfPointerRows * problem.tags);
  dispatch(problem, [&](auto typed) {
    using Of = decltype(typed);
    launch("crf_viterbi", crf_viterbi<typename Of::T, typename Of::W, Of::K>,
           a_block_a_sequence(problem), 32, shared, stream, typed.scores, pointers, tags,
           static_cast<typename Of::W*>(scores));
  });
}

}  // namespace jnrf::cuda
