// Softmax attention within windows, with int8 products, on the CPU.
//
// Queries are codes, keys int8 weights with a scale each; the keys' mean is left out of them, which
// moves all scores of a query alike and so changes no probability. Probabilities, over the
// largest of their row, are codes of 16 bits in two halves, the values int8 weights with a scale a
// feature; each row is divided by the sum of its codes.
#pragma once

#include <cstdint>

#include "int8/isa.h"

namespace jnrf::cpu {

struct Int8Attention {
  const float* qkv;        // [windows, length, 3, heads, size]
  float* out;              // [windows, length, heads, size]
  const int32_t* lengths;  // [windows], what of each window is real; the rest becomes zeros
  int64_t length, heads, size;
  float scale;  // of the scores
};

}  // namespace jnrf::cpu

// clang-format off
JNRF_DECLARE_INT8_KERNELS(
    // The memory that a call of attend needs.
    int64_t attention_scratch_bytes(const Int8Attention& work);
    // The heads first..last of all windows' heads, with scratch memory aligned to 64 bytes.
    void attend(const Int8Attention& work, int64_t first, int64_t last, void* scratch);)
// clang-format on
