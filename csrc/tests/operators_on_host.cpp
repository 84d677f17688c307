// The CUDA operators for CPU tensors: what the tests need beside the operators themselves.
#include "ops/namespace.h"
#include "tests/cuda_on_host.h"

namespace {

void set_schedule(int64_t schedule) {
  jnrf::cuda::host::schedule = static_cast<unsigned>(schedule);
}

void set_capturing(bool capturing) { jnrf::cuda::host::capturing = capturing; }

}  // namespace

JNRF_OPERATORS(m) {
  // In which order threads and blocks run from now on; see tests/cuda_on_host.h.
  m.def("set_schedule(int schedule) -> ()");
  // Whether operators should believe that a CUDA graph is being captured.
  m.def("set_capturing(bool capturing) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CompositeExplicitAutograd, m) {
  m.impl("set_schedule", TORCH_BOX(&set_schedule));
  m.impl("set_capturing", TORCH_BOX(&set_capturing));
}
