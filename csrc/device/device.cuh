// CUDA beyond the language, as far as kernels need it. csrc/host_cuda/execution.h stands in for it
// when the host compiler builds the same kernels for the tests; kernels keep to what both have.
#pragma once

#ifdef JNRF_CUDA_ON_HOST
#include "host_cuda/execution.h"
#else
#include <cuda_bf16.h>

#include <cstdint>

namespace jnrf::cuda {

using bfloat16 = __nv_bfloat16;

// The dynamic shared memory of the block.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char raw[];
  return reinterpret_cast<T*>(raw);
}

// The kernel's static shared memory: one structure a kernel.
template <typename S>
__device__ __forceinline__ S& static_shared() {
  __shared__ __align__(16) unsigned char raw[sizeof(S)];
  return *reinterpret_cast<S*>(raw);
}

}  // namespace jnrf::cuda
#endif

namespace jnrf::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

// The sum over the lanes of a warp, the same bits in every lane.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

// The sum over the threads of a block (whole warps), the same bits in every thread, in an order
// that depends on the block's size alone. `warps` is shared memory for 32 numbers, which the
// next call may use at once.
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* warps) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  T total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) total += warps[w];
  __syncthreads();
  return total;
}

// The document of row `row` of a packed batch: the last b with bounds[b] <= row. bounds[documents]
// must be above it.
__device__ __forceinline__ int document_of(const int32_t* bounds, int documents, int64_t row) {
  int low = 0, high = documents;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (bounds[middle] <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

// The last of `count` for which reached(i) holds, which it does for all up to there, by a warp
// whose lanes all ask the same: 32 are looked at together, so that two loads wait for each other
// where a thread alone would wait for log2(count).
template <typename F>
__device__ __forceinline__ int warp_last_of(int count, const F& reached) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int low = 0;
  while (count > 1) {
    const int step = (count + 31) / 32;
    const bool here = lane == 0 || (lane * step < count && reached(low + lane * step));
    const int last = __popc(__ballot_sync(kAllLanes, here)) - 1;
    low += last * step;
    count = min(step, count - last * step);
  }
  return low;
}

__device__ __forceinline__ int warp_document_of(const int32_t* bounds, int documents, int64_t row) {
  return warp_last_of(documents, [&](int b) { return bounds[b] <= row; });
}

}  // namespace jnrf::cuda
