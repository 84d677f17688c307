// What follows from the bounds of packed documents alone.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

inline constexpr int kPositionThreads = 256;

// Tokens beyond the last document count on from its start. Wrong bounds give positions that are
// wrong, but never outside [first, first + tokens).
__global__ void __launch_bounds__(kPositionThreads)
    token_positions(const int32_t* bounds, int documents, int64_t tokens, int64_t first,
                    int64_t* positions) {
  const int64_t token = static_cast<int64_t>(blockIdx.x) * kPositionThreads + threadIdx.x;
  if (token >= tokens) return;
  const int64_t position = token - bounds[document_of(bounds, documents, token)];
  positions[token] = first + max(min(position, tokens - 1), int64_t{0});
}

}  // namespace jnrf::cuda
