#include "select/cuda/launchers.h"

#include <algorithm>

#include "device/launch.h"
#include "select/cuda/kernels.cuh"

namespace jnrf::cuda {
namespace {

template <typename Label>
void by_label(const Selection& work, const RoleInputs& in, const RoleOutputs& out, Grid grid,
              void* stream) {
  launch("roles_of_labels", roles_of_labels<Label>, grid, kSelectTokens, 0, stream,
         static_cast<const Label*>(work.labels), in, out);
}

template <typename T>
void by_logit(const Selection& work, const RoleInputs& in, const RoleOutputs& out, Grid grid,
              void* stream) {
  launch("roles_of_logits", roles_of_logits<T>, grid, kSelectTokens, 0, stream,
         static_cast<const T*>(work.labels), in, out);
}

}  // namespace

int64_t select_chunks(int64_t tokens) {
  return std::max<int64_t>(1, (tokens + kSelectTokens - 1) / kSelectTokens);
}

void launch_select(const Selection& work, void* stream) {
  const RoleInputs in{work.role_of_label, work.bounds, work.tokens,
                      static_cast<int>(work.num_labels), static_cast<int>(work.documents)};
  const RoleOutputs out{work.roles, work.counts};
  const Grid grid{static_cast<unsigned>(select_chunks(work.tokens))};
  switch (work.kind) {
    case LabelKind::kInt32:
      by_label<int32_t>(work, in, out, grid, stream);
      break;
    case LabelKind::kInt64:
      by_label<int64_t>(work, in, out, grid, stream);
      break;
    case LabelKind::kFloat:
      by_logit<float>(work, in, out, grid, stream);
      break;
    case LabelKind::kDouble:
      by_logit<double>(work, in, out, grid, stream);
      break;
    case LabelKind::kBfloat16:
      by_logit<bfloat16>(work, in, out, grid, stream);
      break;
  }
  const Places to{{work.heads, work.tails}, {work.cu_heads, work.cu_tails}, work.capacity};
  launch("compact_roles", compact_roles, grid, kSelectTokens, 0, stream, out, in, to);
}

}  // namespace jnrf::cuda
