// token_positions on the CPU.
#include <torch/csrc/stable/library.h>

#include <numeric>

#include "positions/checks.h"

namespace jnrf::cpu {
namespace {

Tensor token_positions(const Tensor& x, const Tensor& cu_seqlens, int64_t first) {
  const Tensor cu = checked_positions(x, cu_seqlens);
  check_host_bounds("token_positions", cu, x.size(0));
  Tensor positions = torch::stable::new_empty(x, {x.size(0)}, torch::headeronly::ScalarType::Long);
  const auto* bounds = cu.const_data_ptr<int32_t>();
  auto* to = positions.mutable_data_ptr<int64_t>();
  for (int64_t b = 0; b + 1 < cu.size(0); ++b) std::iota(to + bounds[b], to + bounds[b + 1], first);
  return positions;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) { m.impl("token_positions", TORCH_BOX(&token_positions)); }

}  // namespace jnrf::cpu
