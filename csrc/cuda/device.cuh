// What kernels need of CUDA beyond the language. csrc/tests/cuda_on_host.h stands in for it when
// the host compiler builds the same kernels for the tests.
#pragma once

#ifdef JNRF_CUDA_ON_HOST
#include "tests/cuda_on_host.h"
#else
#include <cstdint>

namespace jnrf::cuda {

// The dynamic shared memory of the block.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char raw[];
  return reinterpret_cast<T*>(raw);
}

}  // namespace jnrf::cuda
#endif

namespace jnrf::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

// The sum over the threads of a block (whole warps), the same bits in every thread, in an order
// that depends on the block's size alone. `warps` is shared memory for 32 numbers, which the
// next call may use at once.
__device__ __forceinline__ float block_sum(float value, float* warps) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  float total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) total += warps[w];
  __syncthreads();
  return total;
}

}  // namespace jnrf::cuda
