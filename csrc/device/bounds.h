// Document bounds on their way to the device.
#pragma once

#include <cstdint>

namespace jnrf::cuda {

// Copies bounds from the host as parameters of kernels: nothing waits, the host's memory is free at
// once, and a CUDA graph that is captured meanwhile keeps them.
void launch_write_bounds(const int32_t* from, int64_t count, int32_t* to, void* stream);

}  // namespace jnrf::cuda
