// Fourier mixing on the CPU: the passes of fourier_mix_kernel.h around torch's own real FFT.
#include "cpu/fourier_mix_kernel.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "ops/fourier_mix_checks.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kBlockRows = 32;   // rows and mirrored rows of a block stay in the L2 cache
constexpr int64_t kMaxChunks = 128;  // partial sums of weight gradients that are kept
constexpr int64_t kGrain = 16384;    // elements of x that are worth a thread

// What the result of the transform is multiplied by.
struct Factor {
  double scale;
  bool ortho;  // also divide by sqrt(N H), which makes the transform keep the mean square

  double of(const MixBlock& block, int64_t hidden) const {
    return ortho ? scale / std::sqrt(static_cast<double>(block.length * hidden)) : scale;
  }
};

struct Plan {
  std::vector<MixBlock> blocks;
  std::vector<std::pair<int64_t, int64_t>> groups;  // length, documents of that length
  int64_t rows = 0;                                 // of the folded batch
  int64_t hidden = 0;
  int64_t chunks = 0;
  int64_t grain = 1;
};

Plan make_plan(const std::vector<Document>& documents, int64_t hidden, int64_t tokens) {
  Plan plan;
  plan.hidden = hidden;
  std::map<int64_t, int64_t> group_of;  // by length
  for (const Document& document : documents) {
    if (document.length == 0) continue;
    const auto [entry, added] =
        group_of.try_emplace(document.length, static_cast<int64_t>(plan.groups.size()));
    if (added) plan.groups.emplace_back(document.length, 0);
    const int64_t group = entry->second, slot = plan.groups[group].second++;
    const int64_t rows = document.length / 2 + 1;
    for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
      plan.blocks.push_back({document.first, document.length, plan.rows, begin,
                             std::min(begin + kBlockRows, rows), group, slot});
    }
    plan.rows += rows;
  }
  plan.chunks = std::min<int64_t>(plan.blocks.size(), kMaxChunks);
  plan.grain = std::max<int64_t>(1, kGrain * plan.chunks / std::max<int64_t>(tokens * hidden, 1));
  return plan;
}

// Calls work(block, chunk) for every block; the blocks of a chunk are one thread's, in order.
template <typename F>
void for_blocks(const Plan& plan, const F& work) {
  const auto count = static_cast<int64_t>(plan.blocks.size());
  torch::stable::parallel_for(0, plan.chunks, plan.grain, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      for (int64_t i = chunk * count / plan.chunks; i < (chunk + 1) * count / plan.chunks; ++i) {
        work(plan.blocks[i], chunk);
      }
    }
  });
}

// From the folded rows to the spectra of the columns, a tensor a group.
template <typename T>
std::vector<Tensor> transform(const Plan& plan, const Tensor& folded) {
  const Tensor rows = real_fft(folded);
  const int64_t half = plan.hidden / 2 + 1;
  std::vector<Tensor> columns;
  std::vector<T*> pointers;
  for (const auto& [length, documents] : plan.groups) {
    columns.push_back(torch::stable::new_empty(folded, {documents * half, length}));
    pointers.push_back(static_cast<T*>(columns.back().mutable_data_ptr()));
  }
  const auto combine = JNRF_PICK_KERNEL(combine<T>);
  const T* data = static_cast<const T*>(rows.const_data_ptr());
  for_blocks(plan, [&](const MixBlock& block, int64_t) {
    combine(block, plan.hidden, data, pointers.data());
  });
  for (Tensor& group : columns) group = real_fft(group);
  return columns;
}

template <typename T>
void finish_all(const Plan& plan, const std::vector<Tensor>& spectra, MixFinish<T> work) {
  std::vector<const T*> pointers;
  for (const Tensor& group : spectra) {
    pointers.push_back(static_cast<const T*>(group.const_data_ptr()));
  }
  work.spectra = pointers.data();
  const auto finish = JNRF_PICK_KERNEL(finish<T>);
  for_blocks(plan, [&](const MixBlock& block, int64_t) { finish(block, plan.hidden, work); });
}

template <typename T>
void mix(const Plan& plan, const Tensor& x, Factor factor, MixFinish<T> work) {
  const Tensor folded = torch::stable::new_empty(x, {plan.rows, plan.hidden});
  T* to = static_cast<T*>(folded.mutable_data_ptr());
  const T* from = static_cast<const T*>(x.const_data_ptr());
  const auto fold = JNRF_PICK_KERNEL(fold<T>);
  for_blocks(plan, [&](const MixBlock& block, int64_t) {
    fold(block, plan.hidden, static_cast<T>(factor.of(block, plan.hidden) / 2), from, to);
  });
  finish_all(plan, transform<T>(plan, folded), work);
}

template <typename T>
void norm_backward(const Plan& plan, Factor factor, NormBackward<T> norm, const Tensor& grad_sum,
                   const Tensor& grad_x, T* grad_weight, T* grad_bias) {
  const int64_t hidden = plan.hidden;
  const Tensor folded = torch::stable::new_empty(grad_sum, {plan.rows, hidden});
  const Tensor partial = torch::stable::new_zeros(grad_sum, {plan.chunks, 2, hidden});
  T* to = static_cast<T*>(folded.mutable_data_ptr());
  T* sums = static_cast<T*>(partial.mutable_data_ptr());
  const auto fold = JNRF_PICK_KERNEL(norm_backward_fold<T>);
  for_blocks(plan, [&](const MixBlock& block, int64_t chunk) {
    NormBackward<T> mine = norm;
    mine.grad_weight = sums + 2 * chunk * hidden;
    mine.grad_bias = mine.grad_weight + hidden;
    fold(block, hidden, static_cast<T>(factor.of(block, hidden) / 2), mine, to);
  });
  for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
    const T* part = sums + 2 * chunk * hidden;
    for (int64_t i = 0; i < hidden; ++i) grad_weight[i] += part[i];
    for (int64_t i = 0; i < hidden; ++i) grad_bias[i] += part[hidden + i];
  }
  MixFinish<T> work{};
  work.residual = norm.grad_sum;
  work.out = static_cast<T*>(grad_x.mutable_data_ptr());
  finish_all(plan, transform<T>(plan, folded), work);
}

// Calls run(T{}) with the tensor's element type.
template <typename F>
void for_type(const char* op, const Tensor& x, const F& run) {
  if (x.scalar_type() == ScalarType::Float) {
    run(float{});
  } else {
    STD_TORCH_CHECK(x.scalar_type() == ScalarType::Double, op,
                    ": x must be float32 or float64 on the CPU");
    run(double{});
  }
}

Tensor fourier_mix(const Tensor& x, const Tensor& cu_seqlens, double scale, bool ortho) {
  constexpr const char* op = "jnrf::fourier_mix";
  check_matrix(op, "x", x);
  const int64_t tokens = x.size(0), hidden = x.size(1);
  const Plan plan = make_plan(checked_documents(op, cu_seqlens, tokens), hidden, tokens);
  const Tensor out = torch::stable::new_empty(x, {tokens, hidden});
  for_type(op, x, [&](auto type) {
    using T = decltype(type);
    if (out.numel() == 0) return;
    MixFinish<T> work{};
    work.out = static_cast<T*>(out.mutable_data_ptr());
    mix(plan, torch::stable::contiguous(x), {scale, ortho}, work);
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> fourier_mix_norm(const Tensor& x, const Tensor& weight,
                                                            const Tensor& bias,
                                                            const Tensor& cu_seqlens, double eps,
                                                            double scale, bool ortho, bool save) {
  constexpr const char* op = "jnrf::fourier_mix_norm";
  check_matrix(op, "x", x);
  const int64_t tokens = x.size(0), hidden = x.size(1);
  check_like(op, "weight", weight, x, {hidden});
  check_like(op, "bias", bias, x, {hidden});
  const Plan plan = make_plan(checked_documents(op, cu_seqlens, tokens), hidden, tokens);
  const int64_t saved = save ? tokens : 0;
  const Tensor out = torch::stable::new_empty(x, {tokens, hidden});
  const Tensor sum = torch::stable::new_empty(x, {saved, hidden});
  const Tensor mean = torch::stable::new_empty(x, {saved});
  const Tensor rstd = torch::stable::new_empty(x, {saved});
  for_type(op, x, [&](auto type) {
    using T = decltype(type);
    if (out.numel() == 0) return;
    const Tensor dense = torch::stable::contiguous(x);
    const Tensor dense_weight = torch::stable::contiguous(weight);
    const Tensor dense_bias = torch::stable::contiguous(bias);
    MixFinish<T> work{};
    work.residual = static_cast<const T*>(dense.const_data_ptr());
    work.out = static_cast<T*>(out.mutable_data_ptr());
    work.weight = static_cast<const T*>(dense_weight.const_data_ptr());
    work.bias = static_cast<const T*>(dense_bias.const_data_ptr());
    work.eps = eps;
    if (save) {
      work.sum = static_cast<T*>(sum.mutable_data_ptr());
      work.mean = static_cast<T*>(mean.mutable_data_ptr());
      work.rstd = static_cast<T*>(rstd.mutable_data_ptr());
    }
    mix(plan, dense, {scale, ortho}, work);
  });
  return {out, sum, mean, rstd};
}

std::tuple<Tensor, Tensor, Tensor> fourier_mix_norm_backward(const Tensor& grad, const Tensor& sum,
                                                             const Tensor& mean, const Tensor& rstd,
                                                             const Tensor& weight,
                                                             const Tensor& cu_seqlens, double scale,
                                                             bool ortho) {
  constexpr const char* op = "jnrf::fourier_mix_norm_backward";
  check_matrix(op, "grad", grad);
  const int64_t tokens = grad.size(0), hidden = grad.size(1);
  check_like(op, "sum", sum, grad, {tokens, hidden});
  check_like(op, "mean", mean, grad, {tokens});
  check_like(op, "rstd", rstd, grad, {tokens});
  check_like(op, "weight", weight, grad, {hidden});
  const Plan plan = make_plan(checked_documents(op, cu_seqlens, tokens), hidden, tokens);
  const Tensor grad_x = torch::stable::new_empty(grad, {tokens, hidden});
  const Tensor grad_weight = torch::stable::new_zeros(grad, {hidden});
  const Tensor grad_bias = torch::stable::new_zeros(grad, {hidden});
  for_type(op, grad, [&](auto type) {
    using T = decltype(type);
    if (grad.numel() == 0) return;
    const Tensor inputs[] = {torch::stable::contiguous(grad), torch::stable::contiguous(sum),
                             torch::stable::contiguous(mean), torch::stable::contiguous(rstd),
                             torch::stable::contiguous(weight)};
    const Tensor grad_sum = torch::stable::new_empty(grad, {tokens, hidden});
    const auto input = [&](int i) { return static_cast<const T*>(inputs[i].const_data_ptr()); };
    const NormBackward<T> norm{input(0), input(1), input(2),
                               input(3), input(4), static_cast<T*>(grad_sum.mutable_data_ptr()),
                               nullptr,  nullptr};
    norm_backward(plan, {scale, ortho}, norm, grad_sum, grad_x,
                  static_cast<T*>(grad_weight.mutable_data_ptr()),
                  static_cast<T*>(grad_bias.mutable_data_ptr()));
  });
  return {grad_x, grad_weight, grad_bias};
}

}  // namespace
}  // namespace jnrf::cpu

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) {
  m.impl("fourier_mix", TORCH_BOX(&jnrf::cpu::fourier_mix));
  m.impl("fourier_mix_norm", TORCH_BOX(&jnrf::cpu::fourier_mix_norm));
  m.impl("fourier_mix_norm_backward", TORCH_BOX(&jnrf::cpu::fourier_mix_norm_backward));
}
