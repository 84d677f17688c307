// The CUDA operators for CPU tensors: what the tests need beside the operators themselves.
#include "ops/namespace.h"
#include "tests/cuda_on_host.h"

namespace {

void set_schedule(int64_t schedule) {
  jnrf::cuda::host::schedule = static_cast<unsigned>(schedule);
}

}  // namespace

JNRF_OPERATORS(m) {
  // In which order threads and blocks run from now on; see tests/cuda_on_host.h.
  m.def("set_schedule(int schedule) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CompositeExplicitAutograd, m) {
  m.impl("set_schedule", TORCH_BOX(&set_schedule));
}
