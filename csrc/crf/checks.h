// What the CPU and the CUDA operators of CRFs check of their arguments.
#pragma once

#include "core/checks.h"
#include "crf/limits.h"

namespace jnrf {

// A CRF's weights and the emissions of packed sequences, contiguous.
struct CrfArguments {
  Tensor emissions, transitions, start, end;
  int64_t tokens, tags;

  // `weights` is the type of transitions, start and end.
  CrfArguments(const char* op, const Tensor& given_emissions, const Tensor& given_transitions,
               const Tensor& given_start, const Tensor& given_end,
               torch::headeronly::ScalarType weights)
      : emissions(
            checked(op, "emissions", given_emissions, {-1, -1}, given_emissions.scalar_type())),
        transitions(given_transitions),
        start(given_start),
        end(given_end),
        tokens(emissions.size(0)),
        tags(emissions.size(1)) {
    require(tags >= 1 && tags <= kCrfMostTags, op, ": emissions must be [T, C] of 1 to ",
            kCrfMostTags, " tags, not ", shape_of(emissions));
    transitions = checked(op, "transitions", given_transitions, {tags, tags}, weights);
    start = checked(op, "start", given_start, {tags}, weights);
    end = checked(op, "end", given_end, {tags}, weights);
  }
};

}  // namespace jnrf
