// A stand-in for CUDA's execution model, so that the host compiler builds the very kernels
// of csrc and tests run them without a GPU. Blocks run one after another; the threads of a block
// are fibers of one OS thread, switched where CUDA's threads would wait for each other.
//
// What it finds:
//  - a missing barrier, a dependency between blocks, and memory read before it is written: the same
//    launch under another `schedule` runs threads, warps and blocks in another order over memory
//    poisoned otherwise, and gives other results (ThreadSanitizer sees a missing barrier at once);
//  - threads that wait at different barriers, or that wait for one that has returned: an exception;
//  - wrong indices: AddressSanitizer and UBSan see them, every launch having shared memory of its
//    own of exactly the size that was asked for.
// What it does not have: float atomics, partial masks, clusters, asynchronous copies.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numbers>
#include <type_traits>
#include <vector>

#define __global__ inline  // kernels stand in headers
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace jnrf::cuda {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

inline thread_local Index threadIdx, blockIdx, blockDim, gridDim;

namespace host {

// In which order threads run and what unwritten shared memory holds: 0 ascending, 1 descending, any
// other number is the seed of a random order.
inline unsigned schedule = 0;

// Whether code should believe that a CUDA graph is being captured.
inline bool capturing = false;

// How many multiprocessors code should believe that there are. Few, so that tests need few blocks
// to go through all of a launcher's choices.
inline int multiprocessors = 2;

// Bytes of shared memory that code should believe that a block may have: those of sm_90 at first.
inline size_t shared_memory = 227 * 1024;

// A launch as its launcher asked for it.
struct Launch {
  const void* kernel;
  Index grid;
  unsigned threads;
  size_t shared_bytes;
};

// Where to note launches instead of running them, so that sizes of real work can be asked about;
// results are then not written.
inline std::vector<Launch>* recorder = nullptr;

constexpr unsigned kWarp = 32;
constexpr size_t kSlot = 32;  // bytes that a thread can hand to its warp

// Wait for the other threads of the block, or of the warp.
void wait_for_block();
void wait_for_warp();

// The warp's slots, one a thread, for the exchange that this thread is about to make. They stay as
// they are until every thread of the warp has begun the next exchange but one.
unsigned char* exchange_slots();

// The shared memory of the running block: dynamic, and `bytes` for its static variables.
void* dynamic_memory();
void* static_memory(size_t bytes);

// Runs `kernel` once a thread of every block.
void run(const char* name, Index grid, unsigned threads, size_t shared_bytes,
         const std::function<void()>& kernel);

// Every thread of a warp gives a value and sees those of all 32.
template <typename T>
class Exchange {
  static_assert(sizeof(T) <= kSlot && std::is_trivially_copyable_v<T>);

 public:
  explicit Exchange(const T& mine) : slots_(exchange_slots()) {
    std::memcpy(slots_ + threadIdx.x % kWarp * kSlot, &mine, sizeof(T));
    wait_for_warp();
  }
  T operator[](unsigned lane) const {
    T value;
    std::memcpy(&value, slots_ + lane % kWarp * kSlot, sizeof(T));
    return value;
  }

 private:
  unsigned char* slots_;
};

}  // namespace host

// ---------------------------------------------------------------- shared memory and barriers

template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(host::dynamic_memory());
}

template <typename S>
S& static_shared() {
  return *static_cast<S*>(host::static_memory(sizeof(S)));
}

inline void __syncthreads() { host::wait_for_block(); }
inline void __syncwarp(unsigned = 0xffffffffu) { host::wait_for_warp(); }

// ---------------------------------------------------------------- warps

template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  return host::Exchange<T>(value)[static_cast<unsigned>(lane)];
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int lanes) {
  return host::Exchange<T>(value)[threadIdx.x % host::kWarp ^ static_cast<unsigned>(lanes)];
}
template <typename T>
T __shfl_up_sync(unsigned, T value, unsigned by) {
  const host::Exchange<T> all(value);
  const unsigned lane = threadIdx.x % host::kWarp;
  return lane < by ? value : all[lane - by];
}
template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned by) {
  const host::Exchange<T> all(value);
  const unsigned lane = threadIdx.x % host::kWarp;
  return lane + by < host::kWarp ? all[lane + by] : value;
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  const host::Exchange<int> all(predicate);
  unsigned bits = 0;
  for (unsigned lane = 0; lane < host::kWarp; ++lane) bits |= (all[lane] != 0 ? 1u : 0u) << lane;
  return bits;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }

inline int __popc(unsigned bits) { return std::popcount(bits); }

// ---------------------------------------------------------------- atomics

// Fibers do not interrupt each other; the atomic operation only tells ThreadSanitizer so.
template <typename T>
T atomicAdd(T* at, T value) {
  static_assert(std::is_integral_v<T>, "a sum of floats would depend on the order");
  return __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
}
template <typename T>
T atomicMax(T* at, T value) {
  const T before = __atomic_load_n(at, __ATOMIC_RELAXED);
  if (value > before) __atomic_store_n(at, value, __ATOMIC_RELAXED);
  return before;
}
template <typename T>
T atomicMin(T* at, T value) {
  const T before = __atomic_load_n(at, __ATOMIC_RELAXED);
  if (value < before) __atomic_store_n(at, value, __ATOMIC_RELAXED);
  return before;
}

// ---------------------------------------------------------------- numbers

// The upper half of a float; rounds to the nearest, of two equally near to the even one.
class bfloat16 {
 public:
  bfloat16() = default;
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  bfloat16(T value) {
    const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    bits_ = static_cast<uint16_t>(nan ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits_) << 16); }

 private:
  uint16_t bits_;
};

// Registers that are loaded and stored together.
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

using std::max;
using std::min;

inline float cospif(float x) { return static_cast<float>(std::cos(std::numbers::pi * double{x})); }
inline float sinpif(float x) { return static_cast<float>(std::sin(std::numbers::pi * double{x})); }
inline void sincospif(float x, float* sine, float* cosine) {
  *sine = sinpif(x);
  *cosine = cospif(x);
}

}  // namespace jnrf::cuda
