// The CUDA operators for CPU tensors: what the tests need beside the operators themselves.
#include <dlfcn.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <iterator>

#include "core/namespace.h"
#include "host_cuda/execution.h"

namespace {

void set_schedule(int64_t schedule) {
  jnrf::cuda::host::schedule = static_cast<unsigned>(schedule);
}

void set_capturing(bool capturing) { jnrf::cuda::host::capturing = capturing; }

void set_multiprocessors(int64_t multiprocessors) {
  jnrf::cuda::host::multiprocessors = static_cast<int>(multiprocessors);
}

void set_shared_memory(int64_t bytes) {
  jnrf::cuda::host::shared_memory = static_cast<size_t>(bytes);
}

std::vector<jnrf::cuda::host::Launch> launches;

void record_launches(int64_t multiprocessors) {
  jnrf::cuda::host::multiprocessors = static_cast<int>(multiprocessors);
  launches.clear();
  jnrf::cuda::host::recorder = &launches;
}

// A row a launch: the kernel's place in this library (0: a call of cuFFT), grid, threads, bytes of
// dynamic shared memory.
torch::stable::Tensor recorded_launches() {
  jnrf::cuda::host::multiprocessors = 2;
  jnrf::cuda::host::recorder = nullptr;
  Dl_info library{};
  dladdr(reinterpret_cast<const void*>(&recorded_launches), &library);
  torch::stable::Tensor table = torch::stable::empty({static_cast<int64_t>(launches.size()), 6},
                                                     torch::headeronly::ScalarType::Long);
  auto* row = table.mutable_data_ptr<int64_t>();
  for (const auto& launch : launches) {
    const int64_t place = launch.kernel ? static_cast<const char*>(launch.kernel) -
                                              static_cast<const char*>(library.dli_fbase)
                                        : 0;
    const int64_t numbers[] = {place,          launch.grid.x,
                               launch.grid.y,  launch.grid.z,
                               launch.threads, static_cast<int64_t>(launch.shared_bytes)};
    row = std::copy(std::begin(numbers), std::end(numbers), row);
  }
  return table;
}

}  // namespace

JNRF_OPERATORS(m) {
  // In which order threads and blocks run from now on; see execution.h.
  m.def("set_schedule(int schedule) -> ()");
  // Whether operators should believe that a CUDA graph is being captured.
  m.def("set_capturing(bool capturing) -> ()");
  // How many multiprocessors operators should believe that there are; 2 at first.
  m.def("set_multiprocessors(int multiprocessors) -> ()");
  // How much shared memory operators should believe that a block may have; that of sm_90 at first.
  m.def("set_shared_memory(int bytes) -> ()");
  // From now on launches are noted, not run, as for a device of so many multiprocessors.
  m.def("record_launches(int multiprocessors) -> ()");
  // What was noted; ends it.
  m.def("recorded_launches() -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CompositeExplicitAutograd, m) {
  m.impl("set_schedule", TORCH_BOX(&set_schedule));
  m.impl("set_capturing", TORCH_BOX(&set_capturing));
  m.impl("set_multiprocessors", TORCH_BOX(&set_multiprocessors));
  m.impl("set_shared_memory", TORCH_BOX(&set_shared_memory));
  m.impl("record_launches", TORCH_BOX(&record_launches));
  m.impl("recorded_launches", TORCH_BOX(&recorded_launches));
}
