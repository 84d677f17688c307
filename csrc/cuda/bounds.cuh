// Document bounds on their way to the device.
#pragma once

#include "cuda/device.cuh"

namespace jnrf::cuda {

// As many as fit among a kernel's parameters, of which every device takes 4 KB.
inline constexpr int kBoundsAtOnce = 1000;

struct BoundsPart {
  int32_t values[kBoundsAtOnce];
  int count;
};

__global__ void write_bounds(BoundsPart part, int32_t* to) {
  for (int i = static_cast<int>(threadIdx.x); i < part.count; i += static_cast<int>(blockDim.x)) {
    to[i] = part.values[i];
  }
}

}  // namespace jnrf::cuda
