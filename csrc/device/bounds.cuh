// Document bounds on their way to the device.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

// As many as fit among a kernel's parameters: of these every device takes 4 KB, and 32,764 bytes
// since CUDA 12.1.
inline constexpr int kFewBounds = 1000;
#if !defined(CUDART_VERSION) || CUDART_VERSION >= 12010
inline constexpr int kManyBounds = 8000;
#else
inline constexpr int kManyBounds = kFewBounds;
#endif

template <int kMost>
struct BoundsPart {
  int32_t values[kMost];
  int count;
};

template <int kMost>
__global__ void write_bounds(const BoundsPart<kMost> part, int32_t* to) {
  for (int i = static_cast<int>(threadIdx.x); i < part.count; i += static_cast<int>(blockDim.x)) {
    to[i] = part.values[i];
  }
}

}  // namespace jnrf::cuda
