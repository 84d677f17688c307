// What the CPU and the CUDA operators of CRFs agree on.
#pragma once

#include <cstdint>

namespace jnrf {

inline constexpr int64_t kCrfMostTags = 128;  // a tag fits a byte, a row a processor's stack

// Where probabilities are kept in place of their logarithms, nothing may underflow, else a path
// that is lost could turn out to be the only one. So all factors but 0 must be at least the first,
// and where a probability that is not 0 falls below the second, the sequence is done in logarithms:
// their products stay above 10^-300.
inline constexpr double kCrfLeastFactor = 1e-50;
inline constexpr double kCrfLeast = 1e-200;

}  // namespace jnrf
