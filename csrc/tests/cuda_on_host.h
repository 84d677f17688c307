// A stand-in for CUDA's execution model, so that the host compiler builds the very kernels of
// csrc/cuda/*.cuh and tests run them without a GPU. Blocks run one after another; the threads of a
// block are OS threads, so that ThreadSanitizer sees a missing barrier and AddressSanitizer a wrong
// index. Warps are 32 threads; a shuffle is an exchange between two barriers of the warp.
#pragma once

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static

namespace jnrf::cuda {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

namespace host {

constexpr unsigned kWarp = 32;

// What the threads of one block share.
struct Block {
  explicit Block(unsigned threads, size_t shared_bytes)
      : all(threads), shared(shared_bytes), slots(threads) {
    for (unsigned first = 0; first < threads; first += kWarp) {
      warps.push_back(std::make_unique<std::barrier<>>(std::min(kWarp, threads - first)));
    }
  }
  std::barrier<> all;
  std::vector<std::unique_ptr<std::barrier<>>> warps;
  std::vector<unsigned char> shared;
  std::vector<float> slots;  // a shuffle's values, one a thread
};

inline thread_local Block* block = nullptr;

}  // namespace host

inline thread_local Index threadIdx, blockIdx, blockDim, gridDim;

inline void __syncthreads() { host::block->all.arrive_and_wait(); }

inline float __shfl_xor_sync(unsigned, float value, unsigned lanes) {
  std::barrier<>& warp = *host::block->warps[threadIdx.x / host::kWarp];
  host::block->slots[threadIdx.x] = value;
  warp.arrive_and_wait();
  const float other = host::block->slots[threadIdx.x ^ lanes];
  warp.arrive_and_wait();
  return other;
}

template <typename T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(host::block->shared.data());
}

// kernel<<<blocks, threads, shared_bytes>>>(), where `kernel` is bound to its arguments.
inline void launch(unsigned blocks, unsigned threads, size_t shared_bytes,
                   const std::function<void()>& kernel) {
  host::Block shared(threads, shared_bytes);
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      host::block = &shared;
      threadIdx.x = t;
      blockDim.x = threads;
      gridDim.x = blocks;
      for (unsigned b = 0; b < blocks; ++b) {
        blockIdx.x = b;
        kernel();
        shared.all.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
}

}  // namespace jnrf::cuda
