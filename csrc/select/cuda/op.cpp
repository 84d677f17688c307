// select_tokens on CUDA: nothing waits, whatever is selected.
#include "select/cuda/launchers.h"

#include <tuple>

#include "device/op.h"
#include "select/checks.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

LabelKind kind_of(const Tensor& labels) {
  const ScalarType dtype = labels.scalar_type();
  const bool logits = labels.dim() == 2;
  if (!logits && dtype == ScalarType::Int) return LabelKind::kInt32;
  if (!logits && dtype == ScalarType::Long) return LabelKind::kInt64;
  if (logits && dtype == ScalarType::Float) return LabelKind::kFloat;
  if (logits && dtype == ScalarType::Double) return LabelKind::kDouble;
  require(logits && dtype == ScalarType::BFloat16, kSelectTokensOp, ": labels of shape ",
          logits ? "[T, L] must be float32, float64 or bfloat16" : "[T] must be int64 or int32",
          ", not ", torch::headeronly::toString(dtype));
  return LabelKind::kBfloat16;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> select_tokens(const Tensor& labels,
                                                         const Tensor& role_of_label,
                                                         const Tensor& cu_seqlens,
                                                         int64_t capacity) {
  const SelectArguments given(labels, role_of_label, cu_seqlens, capacity);
  const LabelKind kind = kind_of(labels);
  if (cu_seqlens.is_cpu()) check_host_bounds(kSelectTokensOp, given.cu_seqlens, given.tokens);
  const OnDevice on(labels);
  const Tensor bounds = bounds_on_device(given.cu_seqlens, given.labels, on);
  const auto empty = [&](int64_t size, ScalarType dtype) {
    return torch::stable::new_empty(given.labels, {size}, dtype);
  };
  const Tensor roles = empty(given.tokens, ScalarType::Byte);
  const Tensor counts = empty(select_chunks(given.tokens) * 2, ScalarType::Int);
  const Tensor heads = empty(capacity, ScalarType::Long), tails = empty(capacity, ScalarType::Long);
  const Tensor cu_heads = empty(given.documents + 1, ScalarType::Int);
  const Tensor cu_tails = empty(given.documents + 1, ScalarType::Int);
  launch_select({given.labels.const_data_ptr(), kind, given.role_of_label.const_data_ptr<int32_t>(),
                 bounds.const_data_ptr<int32_t>(), given.tokens, given.num_labels, given.documents,
                 capacity, roles.mutable_data_ptr<uint8_t>(), counts.mutable_data_ptr<int32_t>(),
                 heads.mutable_data_ptr<int64_t>(), tails.mutable_data_ptr<int64_t>(),
                 cu_heads.mutable_data_ptr<int32_t>(), cu_tails.mutable_data_ptr<int32_t>()},
                on.stream);
  return {heads, tails, cu_heads, cu_tails};
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) { m.impl("select_tokens", TORCH_BOX(&jnrf::cuda::select_tokens)); }
