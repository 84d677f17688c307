// The operators of Fourier mixing on CUDA.
#include <algorithm>
#include <tuple>
#include <vector>

#include "fourier_mix/checks.h"
#include "fourier_mix/cuda/cufft/plans.h"
#include "fourier_mix/cuda/dispatch.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

MixType type_of(const char* op, const Tensor& x) {
  const ScalarType dtype = x.scalar_type();
  const MixType type = dtype == ScalarType::Double     ? MixType::kDouble
                       : dtype == ScalarType::BFloat16 ? MixType::kBfloat16
                                                       : MixType::kFloat;
  require(type != MixType::kFloat || dtype == ScalarType::Float, op,
          ": x must be float32, float64 or bfloat16 on CUDA, not ",
          torch::headeronly::toString(dtype));
  require(x.size(1) <= most_hidden(type), op, ": at most ", most_hidden(type),
          " features fit in shared memory, not ", x.size(1));
  return type;
}

Tensor fourier_mix(const Tensor& x, const Tensor& cu_seqlens, double scale, bool ortho,
                   int64_t window, int64_t shift) {
  constexpr const char* op = "jnrf::fourier_mix";
  check_matrix(op, "x", x);
  const MixType type = type_of(op, x);
  std::vector<Document> documents = checked_documents(op, cu_seqlens, x.size(0), window, shift);
  const Tensor out = torch::stable::new_empty(x, {x.size(0), x.size(1)});
  if (out.numel() == 0) return out;
  const OnDevice on(x);
  const Tensor dense = torch::stable::contiguous(x);
  MixEpilogue epilogue{};
  epilogue.out = out.mutable_data_ptr();
  epilogue.scale = scale;
  epilogue.ortho = ortho;
  epilogue.hidden = x.size(1);
  epilogue.type = type;
  mix({on, dense, false}, std::move(documents), window, shift, epilogue);
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> fourier_mix_norm(
    const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& cu_seqlens, double eps,
    double scale, bool ortho, int64_t window, int64_t shift, bool save) {
  constexpr const char* op = "jnrf::fourier_mix_norm";
  check_matrix(op, "x", x);
  const int64_t tokens = x.size(0), hidden = x.size(1);
  check_like(op, "weight", weight, x, {hidden});
  check_like(op, "bias", bias, x, {hidden});
  const MixType type = type_of(op, x);
  std::vector<Document> documents = checked_documents(op, cu_seqlens, tokens, window, shift);
  const int64_t saved = save ? tokens : 0;
  const Tensor out = torch::stable::new_empty(x, {tokens, hidden});
  const Tensor sum = torch::stable::new_empty(x, {saved, hidden}, wide_dtype(type));
  const Tensor mean = torch::stable::new_empty(x, {saved}, wide_dtype(type));
  const Tensor rstd = torch::stable::new_empty(x, {saved}, wide_dtype(type));
  if (out.numel() == 0) return {out, sum, mean, rstd};
  const OnDevice on(x);
  const Tensor dense = torch::stable::contiguous(x);
  const Tensor dense_weight = torch::stable::contiguous(weight);
  const Tensor dense_bias = torch::stable::contiguous(bias);
  MixEpilogue epilogue{};
  epilogue.residual = dense.const_data_ptr();
  epilogue.out = out.mutable_data_ptr();
  epilogue.weight = dense_weight.const_data_ptr();
  epilogue.bias = dense_bias.const_data_ptr();
  if (save) {
    epilogue.sum = sum.mutable_data_ptr();
    epilogue.mean = mean.mutable_data_ptr();
    epilogue.rstd = rstd.mutable_data_ptr();
  }
  epilogue.eps = eps;
  epilogue.scale = scale;
  epilogue.ortho = ortho;
  epilogue.hidden = hidden;
  epilogue.type = type;
  mix({on, dense, false}, std::move(documents), window, shift, epilogue);
  return {out, sum, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor> fourier_mix_norm_backward(const Tensor& grad, const Tensor& sum,
                                                             const Tensor& mean, const Tensor& rstd,
                                                             const Tensor& weight,
                                                             const Tensor& cu_seqlens, double scale,
                                                             bool ortho, int64_t window,
                                                             int64_t shift) {
  constexpr const char* op = "jnrf::fourier_mix_norm_backward";
  check_matrix(op, "grad", grad);
  const int64_t tokens = grad.size(0), hidden = grad.size(1);
  const MixType type = type_of(op, grad);
  check_like(op, "weight", weight, grad, {hidden});
  check_like(op, "sum", sum, mean, {tokens, hidden});
  check_like(op, "mean", mean, sum, {tokens});
  check_like(op, "rstd", rstd, mean, {tokens});
  require(sum.scalar_type() == wide_dtype(type), op, ": sum must be ",
          torch::headeronly::toString(wide_dtype(type)), ", not ",
          torch::headeronly::toString(sum.scalar_type()));
  require(sum.device() == grad.device(), op, ": sum must be on the device of grad");
  std::vector<Document> documents = checked_documents(op, cu_seqlens, tokens, window, shift);
  const Tensor grad_x = torch::stable::new_empty(grad, {tokens, hidden});
  if (grad.numel() == 0) {
    return {grad_x, torch::stable::new_zeros(grad, {hidden}),
            torch::stable::new_zeros(grad, {hidden})};
  }
  const OnDevice on(grad);
  const Tensor grad_weight = torch::stable::new_empty(grad, {hidden});
  const Tensor grad_bias = torch::stable::new_empty(grad, {hidden});
  const Tensor grad_sum = torch::stable::new_empty(grad, {tokens, hidden}, wide_dtype(type));
  const Tensor partial = torch::stable::new_empty(
      grad, {norm_parts(tokens, hidden, type), 2, hidden}, wide_dtype(type));
  const Tensor dense[] = {torch::stable::contiguous(grad), torch::stable::contiguous(sum),
                          torch::stable::contiguous(mean), torch::stable::contiguous(rstd),
                          torch::stable::contiguous(weight)};
  launch_norm_backward(
      {dense[0].const_data_ptr(), dense[1].const_data_ptr(), dense[2].const_data_ptr(),
       dense[3].const_data_ptr(), dense[4].const_data_ptr(), grad_sum.mutable_data_ptr(),
       partial.mutable_data_ptr(), grad_weight.mutable_data_ptr(), grad_bias.mutable_data_ptr(),
       tokens, hidden, type},
      on.stream);
  MixEpilogue epilogue{};
  epilogue.residual = grad_sum.const_data_ptr();
  epilogue.out = grad_x.mutable_data_ptr();
  epilogue.scale = scale;
  epilogue.ortho = ortho;
  epilogue.hidden = hidden;
  epilogue.type = type;
  epilogue.wide_residual = true;
  mix({on, grad_sum, true}, std::move(documents), window, shift, epilogue);
  return {grad_x, grad_weight, grad_bias};
}

// A row a plan: device, tokens, features, whether float64, bytes of workspace, calls.
Tensor fourier_plans() {
  const std::vector<FourierPlan> plans = FourierPlans::all().list();
  const std::vector<int64_t> shape{static_cast<int64_t>(plans.size()), 6};
  Tensor table = torch::stable::empty(shape, ScalarType::Long);
  auto* row = table.mutable_data_ptr<int64_t>();
  for (const FourierPlan& plan : plans) {
    const int64_t numbers[] = {
        plan.device, plan.length, plan.hidden, plan.wide, static_cast<int64_t>(plan.workspace),
        plan.calls};
    row = std::copy(std::begin(numbers), std::end(numbers), row);
  }
  return table;
}

void clear_fourier_plans() { FourierPlans::all().clear(); }

// Below 0: asks only.
int64_t fourier_plan_limit(int64_t plans) {
  const auto before = static_cast<int64_t>(FourierPlans::all().limit());
  if (plans >= 0) FourierPlans::all().set_limit(static_cast<size_t>(plans));
  return before;
}

// Below 0: asks only.
int64_t fourier_product_limit(int64_t tokens) {
  constexpr const char* op = "jnrf::fourier_product_limit";
  require(tokens <= kMostProductTokens, op, ": at most ", kMostProductTokens, " tokens, not ",
          tokens);
  return exchange_product_limit(tokens);
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) {
  m.impl("fourier_mix", TORCH_BOX(&jnrf::cuda::fourier_mix));
  m.impl("fourier_mix_norm", TORCH_BOX(&jnrf::cuda::fourier_mix_norm));
  m.impl("fourier_mix_norm_backward", TORCH_BOX(&jnrf::cuda::fourier_mix_norm_backward));
}

// These have no tensor among their arguments that would say where they belong.
STABLE_TORCH_LIBRARY_IMPL(JNRF_NAMESPACE, CompositeExplicitAutograd, m) {
  m.impl("fourier_plans", TORCH_BOX(&jnrf::cuda::fourier_plans));
  m.impl("clear_fourier_plans", TORCH_BOX(&jnrf::cuda::clear_fourier_plans));
  m.impl("fourier_plan_limit", TORCH_BOX(&jnrf::cuda::fourier_plan_limit));
  m.impl("fourier_product_limit", TORCH_BOX(&jnrf::cuda::fourier_product_limit));
}
