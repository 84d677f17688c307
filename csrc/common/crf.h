// What the CPU and the CUDA operators of CRFs agree on.
#pragma once

#include <cstdint>

namespace jnrf {

inline constexpr int64_t kCrfMostTags = 128;  // a tag fits a byte, a row a processor's stack

}  // namespace jnrf
