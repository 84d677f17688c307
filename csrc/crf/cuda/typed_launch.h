// What the launchers of CRF kernels share: types from run time to templates, grids, sizes.
#pragma once

#include "crf/cuda/launchers.h"
#include "crf/cuda/step.cuh"
#include "device/launch.h"

namespace jnrf::cuda {

// A problem with its types, and how many tags a lane has.
template <typename Emission, typename Weight, int kTagsALane>
struct CrfTyped {
  using T = Emission;
  using W = Weight;
  static constexpr int K = kTagsALane;
  CrfScores<T, W> scores;
};

// Calls f with the problem as it is typed.
template <typename F>
void crf_dispatch(const CrfProblem& problem, const F& f) {
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
      f(CrfTyped<T, W, 1>{scores});
    } else if (problem.tags <= 64) {
      f(CrfTyped<T, W, 2>{scores});
    } else {
      f(CrfTyped<T, W, 4>{scores});
    }
  };
  if (problem.type == CrfType::kFloat) by_type(float{}, float{});
  if (problem.type == CrfType::kDouble) by_type(double{}, double{});
  if (problem.type == CrfType::kBfloat16) by_type(bfloat16{}, float{});
}

// The problem as it is typed, and the tags of which a lane keeps a column in registers.
template <typename Typed, int kInRegisters>
struct CrfSized : Typed {
  static constexpr int N = kInRegisters;
};

// Calls f with the problem for its number of tags, rounded up to a multiple of kUnit.
template <int kUnit, int N = kUnit, typename Typed, typename F>
void crf_for_tags(const Typed& typed, const F& f) {
  if constexpr (Typed::K > 1) {
    f(CrfSized<Typed, 0>{typed});
  } else if constexpr (N < 32) {
    typed.scores.tags <= N ? f(CrfSized<Typed, N>{typed})
                           : crf_for_tags<kUnit, N + kUnit>(typed, f);
  } else {
    f(CrfSized<Typed, N>{typed});
  }
}

inline Grid crf_block_a_sequence(const CrfProblem& problem) {
  return {static_cast<unsigned>(problem.sequences)};
}

// A matrix with rows of an odd number of doubles.
inline size_t crf_matrix_bytes(int tags) { return sizeof(double) * tags * (tags | 1); }

}  // namespace jnrf::cuda
