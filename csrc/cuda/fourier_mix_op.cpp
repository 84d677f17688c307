// Fourier mixing on CUDA: torch's own real FFT, then the kernels of fourier_mix.cuh.
#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "cuda/fourier_mix.h"
#include "cuda/op.h"
#include "ops/fourier_mix_checks.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

bool is_bfloat16(const char* op, const Tensor& x) {
  const bool bfloat16 = x.scalar_type() == ScalarType::BFloat16;
  STD_TORCH_CHECK(bfloat16 || x.scalar_type() == ScalarType::Float, op,
                  ": x must be float32 or bfloat16 on CUDA");
  STD_TORCH_CHECK(x.size(1) <= kMostHidden, op, ": at most ", kMostHidden,
                  " features fit in shared memory, not ", x.size(1));
  return bfloat16;
}

template <typename T>
T* from_token(const Tensor& x, int64_t token) {
  return static_cast<T*>(x.mutable_data_ptr()) + token * x.size(1);
}

void* from_token(const Tensor& x, int64_t token, bool bfloat16) {
  return static_cast<char*>(x.mutable_data_ptr()) + token * x.size(1) * (bfloat16 ? 2 : 4);
}

struct Settings {
  double eps = 0, scale = 1;
  bool ortho = false;
};

// Runs of documents of one length are transformed and finished together; prepare(first token)
// says where a run's results go.
template <typename F>
void mix(const OnDevice& on, const Tensor& x, const std::vector<Document>& documents,
         const Settings& settings, const F& prepare) {
  const int64_t hidden = x.size(1);
  Tensor wide = x.scalar_type() == ScalarType::Float ? x : torch::stable::to(x, ScalarType::Float);
  for (size_t b = 0; b < documents.size();) {
    const auto [first, length] = documents[b];
    size_t end = b + 1;
    while (end < documents.size() && documents[end].length == length) ++end;
    const auto count = static_cast<int64_t>(end - b);
    b = end;
    if (length == 0) continue;
    const Tensor run = torch::stable::view(torch::stable::narrow(wide, 0, first, count * length),
                                           {count, length, hidden});
    const Tensor spectrum = torch::stable::contiguous(real_fft(run, {1, 2}));
    MixEpilogue work = prepare(first);
    work.spectrum = static_cast<const float*>(spectrum.const_data_ptr());
    const double root = std::sqrt(static_cast<double>(length * hidden));
    work.scale = static_cast<float>(settings.ortho ? settings.scale / root : settings.scale);
    work.eps = static_cast<float>(settings.eps);
    work.documents = count;
    work.length = length;
    work.hidden = hidden;
    launch_mix_epilogue(work, on.stream);
  }
}

Tensor fourier_mix(const Tensor& x, const Tensor& cu_seqlens, double scale, bool ortho,
                   int64_t window, int64_t shift) {
  constexpr const char* op = "jnrf::fourier_mix";
  check_matrix(op, "x", x);
  const bool bfloat16 = is_bfloat16(op, x);
  const std::vector<Document> documents =
      checked_documents(op, cu_seqlens, x.size(0), window, shift);
  const OnDevice on(x);
  const Tensor out = torch::stable::new_empty(x, {x.size(0), x.size(1)});
  if (out.numel() == 0) return out;
  mix(on, torch::stable::contiguous(x), documents, {0, scale, ortho}, [&](int64_t token) {
    MixEpilogue work{};
    work.out = from_token(out, token, bfloat16);
    work.bfloat16 = bfloat16;
    return work;
  });
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
  const bool bfloat16 = is_bfloat16(op, x);
  const std::vector<Document> documents = checked_documents(op, cu_seqlens, tokens, window, shift);
  const OnDevice on(x);
  const int64_t saved = save ? tokens : 0;
  const Tensor out = torch::stable::new_empty(x, {tokens, hidden});
  const Tensor sum = torch::stable::new_empty(x, {saved, hidden}, ScalarType::Float);
  const Tensor mean = torch::stable::new_empty(x, {saved}, ScalarType::Float);
  const Tensor rstd = torch::stable::new_empty(x, {saved}, ScalarType::Float);
  if (out.numel() == 0) return {out, sum, mean, rstd};
  const Tensor dense = torch::stable::contiguous(x);
  const Tensor dense_weight = torch::stable::contiguous(weight);
  const Tensor dense_bias = torch::stable::contiguous(bias);
  mix(on, dense, documents, {eps, scale, ortho}, [&](int64_t token) {
    MixEpilogue work{};
    work.residual = from_token(dense, token, bfloat16);
    work.out = from_token(out, token, bfloat16);
    work.weight = dense_weight.const_data_ptr();
    work.bias = dense_bias.const_data_ptr();
    work.bfloat16 = bfloat16;
    if (save) {
      work.sum = from_token<float>(sum, token);
      work.mean = static_cast<float*>(mean.mutable_data_ptr()) + token;
      work.rstd = static_cast<float*>(rstd.mutable_data_ptr()) + token;
    }
    return work;
  });
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
  check_like(op, "weight", weight, grad, {hidden});
  check_like(op, "sum", sum, mean, {tokens, hidden});
  check_like(op, "rstd", rstd, mean, {tokens});
  const bool bfloat16 = is_bfloat16(op, grad);
  const std::vector<Document> documents = checked_documents(op, cu_seqlens, tokens, window, shift);
  const OnDevice on(grad);
  const Tensor grad_x = torch::stable::new_empty(grad, {tokens, hidden});
  if (grad.numel() == 0) {
    return {grad_x, torch::stable::new_zeros(grad, {hidden}),
            torch::stable::new_zeros(grad, {hidden})};
  }
  const int64_t parts = std::min(tokens, kMostParts);
  const Tensor grad_weight = torch::stable::new_empty(grad, {hidden});
  const Tensor grad_bias = torch::stable::new_empty(grad, {hidden});
  const Tensor grad_sum = torch::stable::new_empty(grad, {tokens, hidden}, ScalarType::Float);
  const Tensor partial = torch::stable::new_empty(grad, {parts, 2, hidden}, ScalarType::Float);
  const Tensor dense[] = {torch::stable::contiguous(grad), torch::stable::contiguous(sum),
                          torch::stable::contiguous(mean), torch::stable::contiguous(rstd),
                          torch::stable::contiguous(weight)};
  const auto input = [&](int i) { return static_cast<const float*>(dense[i].const_data_ptr()); };
  launch_norm_backward(
      {dense[0].const_data_ptr(), input(1), input(2), input(3), dense[4].const_data_ptr(),
       from_token<float>(grad_sum, 0), static_cast<float*>(partial.mutable_data_ptr()),
       grad_weight.mutable_data_ptr(), grad_bias.mutable_data_ptr(), tokens, hidden, parts,
       bfloat16},
      on.stream);
  mix(on, grad_sum, documents, {0, scale, ortho}, [&](int64_t token) {
    MixEpilogue work{};
    work.residual = from_token<float>(grad_sum, token);
    work.out = from_token(grad_x, token, bfloat16);
    work.bfloat16 = bfloat16;
    work.float_residual = true;
    return work;
  });
  return {grad_x, grad_weight, grad_bias};
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) {
  m.impl("fourier_mix", TORCH_BOX(&jnrf::cuda::fourier_mix));
  m.impl("fourier_mix_norm", TORCH_BOX(&jnrf::cuda::fourier_mix_norm));
  m.impl("fourier_mix_norm_backward", TORCH_BOX(&jnrf::cuda::fourier_mix_norm_backward));
}
