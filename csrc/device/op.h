// What the torch side of every CUDA operator needs: the device and stream of its tensors, bounds
// where kernels can read them, and registration. Built for the stand-in of csrc/host_cuda, tensors
// are on the CPU and the operators belong to a namespace of their own.
#pragma once

#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>

#include "core/checks.h"
#include "core/namespace.h"
#include "device/bounds.h"

#ifdef JNRF_CUDA_ON_HOST
#define JNRF_CUDA_IMPL(m) STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CPU, m)
#else
#define JNRF_CUDA_IMPL(m) STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CUDA, m)
#endif

namespace jnrf::cuda {

// Makes the device of a tensor the current one while it lives.
class OnDevice {
 public:
#ifdef JNRF_CUDA_ON_HOST
  explicit OnDevice(const Tensor&) {}
#else
  explicit OnDevice(const Tensor& x) : guard_(x.get_device_index()) {
    STABLE_TORCH_ERROR_CODE_CHECK(
        aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
  }
#endif
  void* stream = nullptr;  // the device's current cudaStream_t

#ifndef JNRF_CUDA_ON_HOST
 private:
  torch::stable::accelerator::DeviceGuard guard_;
#endif
};

// Bounds of documents (int32, contiguous) where kernels on the device of `x` can read them. From
// the host they are copied without waiting for the device.
inline Tensor bounds_on_device(const Tensor& bounds, const Tensor& x, const OnDevice& on) {
  const Tensor dense = torch::stable::contiguous(bounds);
  if (!dense.is_cpu()) return dense;
  Tensor copy = torch::stable::new_empty(x, {dense.size(0)}, torch::headeronly::ScalarType::Int);
  launch_write_bounds(dense.const_data_ptr<int32_t>(), dense.size(0),
                      copy.mutable_data_ptr<int32_t>(), on.stream);
  return copy;
}

}  // namespace jnrf::cuda
