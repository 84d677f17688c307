// Starts kernels, on a GPU or in the stand-in of csrc/host_cuda. The only place that talks to the
// CUDA runtime.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "device/device.cuh"

namespace jnrf::cuda {

struct Grid {
  unsigned x, y = 1, z = 1;
};

// Blocks for `work` items of `share` each.
inline unsigned blocks_for(int64_t work, int64_t share) {
  return static_cast<unsigned>((work + share - 1) / share);
}

// Calls run(width) with an integral constant: how many numbers kernels may take at a time.
template <typename F>
void for_width(bool vectors, const F& run) {
  if (vectors) {
    run(std::integral_constant<int, 4>{});
  } else {
    run(std::integral_constant<int, 1>{});
  }
}

// Whether kernels may take four numbers at a time of rows of `numbers`
// from these pointers (null fits too).
template <typename... T>
bool fit_vectors(int64_t numbers, const T*... pointers) {
  const auto fits = [](const auto* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % std::min<size_t>(16, 4 * sizeof(*pointer)) == 0;
  };
  return numbers % 4 == 0 && (fits(pointers) && ...);
}

#ifdef JNRF_CUDA_ON_HOST

inline size_t shared_memory_limit() { return host::shared_memory; }

inline int multiprocessors() { return host::multiprocessors; }

inline bool capturing(void*) { return host::capturing; }

template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Grid grid, unsigned threads,
            size_t shared_bytes, void*, const Arguments&... arguments) {
  if (shared_bytes > shared_memory_limit()) {
    throw std::runtime_error(std::string("kernel ") + name + ": too much shared memory");
  }
  if (host::recorder) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    host::recorder->push_back(
        {reinterpret_cast<const void*>(kernel), {grid.x, grid.y, grid.z}, threads, shared_bytes});
    return;
  }
  host::run(name, {grid.x, grid.y, grid.z}, threads, shared_bytes, [&] { kernel(arguments...); });
}

#else

inline void check(const char* name, cudaError_t error) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string("kernel ") + name + ": " + cudaGetErrorString(error));
}

inline int device_attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  check("device", cudaGetDevice(&device));
  check("attribute", cudaDeviceGetAttribute(&value, which, device));
  return value;
}

// Bytes of shared memory that a block may have on the current device.
inline size_t shared_memory_limit() {
  return static_cast<size_t>(device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

inline int multiprocessors() { return device_attribute(cudaDevAttrMultiProcessorCount); }

// Whether a CUDA graph is being captured from a stream: what is started now runs later.
inline bool capturing(void* stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check("stream", cudaStreamIsCapturing(static_cast<cudaStream_t>(stream), &status));
  return status != cudaStreamCaptureStatusNone;
}

// Starts kernel(arguments...) on a stream; an error is an exception that
// names the kernel. An empty grid starts nothing.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Grid grid, unsigned threads,
            size_t shared_bytes, void* stream, const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  constexpr size_t kGranted = 48 * 1024;  // what every kernel has without asking
  if (shared_bytes > kGranted) {
    check(name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(shared_bytes)));
  }
  cudaLaunchConfig_t how{};
  how.gridDim = dim3(grid.x, grid.y, grid.z);
  how.blockDim = dim3(threads);
  how.dynamicSmemBytes = shared_bytes;
  how.stream = static_cast<cudaStream_t>(stream);
  check(name, cudaLaunchKernelEx(&how, kernel, static_cast<Parameters>(arguments)...));
}

#endif

// Blocks that one multiprocessor has at once, of so many bytes of shared memory each. It has a
// kilobyte more than a block may ask for, and keeps one a block.
inline int64_t blocks_at_once(size_t bytes, int64_t most) {
  constexpr size_t kKept = 1024;
  const size_t fit = (shared_memory_limit() + kKept) / (bytes + kKept);
  return std::clamp<int64_t>(static_cast<int64_t>(fit), 1, most);
}

}  // namespace jnrf::cuda
