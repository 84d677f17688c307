// The operator namespace itself and what the library can tell about this machine.
#include <torch/csrc/stable/library.h>

#include "core/isa.h"

namespace {

int64_t cpu_isa() { return static_cast<int64_t>(jnrf::best_isa()); }

}  // namespace

STABLE_TORCH_LIBRARY(jnrf, m) {
  // 0 baseline, 1 AVX2, 2 AVX-512: which of the compiled CPU kernels run here.
  m.def("cpu_isa() -> int");
}

STABLE_TORCH_LIBRARY_IMPL(jnrf, CompositeExplicitAutograd, m) {
  m.impl("cpu_isa", TORCH_BOX(&cpu_isa));
}
