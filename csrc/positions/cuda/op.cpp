// token_positions on CUDA.
#include "device/op.h"
#include "positions/checks.h"
#include "positions/cuda/launchers.h"

namespace jnrf::cuda {
namespace {

Tensor token_positions(const Tensor& x, const Tensor& cu_seqlens, int64_t first) {
  const Tensor cu = checked_positions(x, cu_seqlens);
  if (cu_seqlens.is_cpu()) check_host_bounds("token_positions", cu, x.size(0));
  const OnDevice on(x);
  const Tensor bounds = bounds_on_device(cu, x, on);
  Tensor positions = torch::stable::new_empty(x, {x.size(0)}, torch::headeronly::ScalarType::Long);
  launch_token_positions(bounds.const_data_ptr<int32_t>(), bounds.size(0) - 1, x.size(0), first,
                         positions.mutable_data_ptr<int64_t>(), on.stream);
  return positions;
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) { m.impl("token_positions", TORCH_BOX(&jnrf::cuda::token_positions)); }
