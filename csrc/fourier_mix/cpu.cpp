// Fourier mixing on the CPU: the passes of cpu_kernel.h around torch's own real FFT.
#include "fourier_mix/cpu_kernel.h"

#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/scratch.h"
#include "fourier_mix/checks.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kChunkRows = 128;         // about as many rows a thread folds at a time
constexpr int64_t kChunkColumns = 48;       // columns likewise, or more of them
constexpr int64_t kChunkNumbers = 1 << 15;  // where documents are short: as many as these numbers
constexpr int64_t kGrain = 16384;           // elements of x that are worth a thread

// A real FFT over `dims`, by the library that torch itself uses; the last of them is the one of
// which half is given.
Tensor real_fft(const Tensor& x, const std::vector<int64_t>& dims) {
  std::array<StableIValue, 4> stack{
      torch::stable::detail::from(x),
      torch::stable::detail::from(torch::headeronly::IntHeaderOnlyArrayRef(dims)),
      torch::stable::detail::from(int64_t{0}), torch::stable::detail::from(true)};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::_fft_r2c", "", stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Tensor>(stack[0]);
}

// What the result of the transform is multiplied by.
struct Factor {
  double scale;
  bool ortho;  // also divide by sqrt(N H), which makes the transform keep the mean square

  // Half of it: the fold averages two numbers.
  template <typename T>
  T half(const MixBlock& block, int64_t hidden) const {
    const double factor =
        ortho ? scale / std::sqrt(static_cast<double>(block.length * hidden)) : scale;
    return static_cast<T>(factor / 2);
  }
};

// Documents of equal length, whose columns lie together and are transformed together.
struct Group {
  int64_t length;
  int64_t stride;             // from one column to the next
  int64_t columns;            // where they begin
  std::vector<int64_t> rows;  // of each document, its first folded row
};

struct ColumnChunk {
  const Group* group;
  int64_t first, last;  // of the group's documents x (H/2+1) columns
};

// How one call's work is cut, by the shape alone.
struct Plan {
  int64_t hidden, half;
  int64_t rows = 0;        // folded rows of all documents
  int64_t chunk_rows = 0;  // of these in a chunk
  int64_t numbers = 0;     // in the columns of all documents
  std::map<int64_t, Group> groups;
  std::vector<MixBlock> blocks;
  std::vector<size_t> row_chunks;  // first block of each chunk, and the number of blocks
  std::vector<ColumnChunk> column_chunks;

  Plan(const std::vector<Document>& documents, int64_t hidden);
};

Plan::Plan(const std::vector<Document>& documents, int64_t hidden)
    : hidden(hidden), half(hidden / 2 + 1) {
  for (const Document& document : documents) {
    if (document.length == 0) continue;
    groups[document.length].rows.push_back(rows);
    rows += document.length / 2 + 1;
  }
  for (auto& [length, group] : groups) {
    group.length = length;
    // Columns a power of two apart would compete for the same few places in the caches.
    group.stride = length % 128 == 0 ? length + 16 : length;
    group.columns = numbers;
    const int64_t columns = static_cast<int64_t>(group.rows.size()) * half;
    numbers += columns * group.stride;
    const int64_t wanted = std::max(kChunkColumns, kChunkNumbers / length);
    const int64_t chunks = std::max<int64_t>(1, columns / wanted);
    for (int64_t c = 0; c < chunks; ++c) {
      column_chunks.push_back({&group, c * columns / chunks, (c + 1) * columns / chunks});
    }
  }
  // The long ones first, so that no thread is left with one at the end.
  std::reverse(column_chunks.begin(), column_chunks.end());
  std::map<int64_t, int64_t> seen;  // documents of a length so far
  // Chunks of equal size; two of them even for little work, for two threads.
  const int64_t chunks =
      std::max((rows + kChunkRows / 2) / kChunkRows, std::min<int64_t>(rows / 32, 2));
  chunk_rows = chunks ? (rows + chunks - 1) / chunks : rows;
  int64_t row = 0, filled = chunk_rows;
  for (const Document& document : documents) {
    if (document.length == 0) continue;
    const int64_t length = document.length, count = length / 2 + 1;
    const Group& group = groups[length];
    const int64_t columns = group.columns + seen[length]++ * half * group.stride;
    for (int64_t begin = 0; begin < count;) {
      if (filled == chunk_rows) {
        row_chunks.push_back(blocks.size());
        filled = 0;
      }
      const int64_t end = std::min(count, begin + chunk_rows - filled);
      blocks.push_back({document.first, length, begin, end, row, columns, group.stride});
      filled += end - begin;
      begin = end;
    }
    row += count;
  }
  row_chunks.push_back(blocks.size());
}

// Calls work(i) for i = 0..count-1 on the threads, where all of them together cost `elements`.
template <typename F>
void in_parallel(size_t count, int64_t elements, const F& work) {
  const auto tasks = static_cast<int64_t>(count);
  const int64_t grain = std::max<int64_t>(1, kGrain * tasks / std::max<int64_t>(elements, 1));
  torch::stable::parallel_for(0, tasks, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) work(static_cast<size_t>(i));
  });
}

// Tensors within a parallel region: the FFT library then keeps to the thread that calls it.
template <typename T>
Tensor fft_of(T* data, int64_t rows, int64_t length, int64_t stride) {
  const std::array<int64_t, 2> sizes{rows, length}, strides{stride, 1};
  const Tensor x = torch::stable::from_blob(
      data, sizes, strides, torch::stable::Device(torch::headeronly::DeviceType::CPU),
      std::is_same_v<T, float> ? ScalarType::Float : ScalarType::Double);
  return real_fft(x, {1});
}

// Runs all passes; fold_block(block, chunk, to) is the one that differs between the operators.
template <typename T, typename F>
void mix(const Plan& plan, const MixEpilogue<T>& work, const F& fold_block) {
  const int64_t hidden = plan.hidden, half = plan.half, elements = 2 * plan.rows * hidden;
  const size_t chunks = plan.row_chunks.size() - 1;
  const size_t halves_size = plan.rows * 2 * half;
  const Scratch scratch((plan.numbers + halves_size) * sizeof(T));
  T *halves = scratch.data<T>(), *columns = halves + halves_size;
  const auto combine = JNRF_PICK_KERNEL(combine<T>);
  const auto spread = JNRF_PICK_KERNEL(spread<T>);
  const auto epilogue = JNRF_PICK_KERNEL(epilogue<T>);

  in_parallel(chunks, elements, [&](size_t chunk) {
    static thread_local std::vector<T> folded;
    folded.resize(plan.chunk_rows * hidden);
    const size_t first = plan.row_chunks[chunk], last = plan.row_chunks[chunk + 1];
    int64_t rows = 0;
    for (size_t i = first; i < last; ++i) {
      fold_block(plan.blocks[i], chunk, folded.data() + rows * hidden);
      rows += plan.blocks[i].end - plan.blocks[i].begin;
    }
    const Tensor spectra = fft_of(folded.data(), rows, hidden, hidden);
    const T* from = static_cast<const T*>(spectra.const_data_ptr());
    for (size_t i = first; i < last; ++i) {
      const MixBlock& block = plan.blocks[i];
      combine(block, hidden, from, columns + block.columns);
      from += 2 * half * (block.end - block.begin);
    }
  });
  in_parallel(plan.column_chunks.size(), elements, [&](size_t i) {
    const auto& [group, first, last] = plan.column_chunks[i];
    const int64_t length = group->length;
    const Tensor spectra = fft_of(columns + group->columns + first * group->stride, last - first,
                                  length, group->stride);
    const T* from = static_cast<const T*>(spectra.const_data_ptr());
    for (int64_t column = first; column < last;) {
      const int64_t document = column / half, start = document * half;
      const int64_t end = std::min(last, start + half);
      spread(length, hidden, column - start, end - start, from,
             halves + group->rows[document] * 2 * half);
      from += 2 * (length / 2 + 1) * (end - column);
      column = end;
    }
  });
  in_parallel(chunks, elements, [&](size_t chunk) {
    for (size_t i = plan.row_chunks[chunk]; i < plan.row_chunks[chunk + 1]; ++i) {
      epilogue(plan.blocks[i], hidden, halves + plan.blocks[i].row * 2 * half, work);
    }
  });
}

template <typename T>
void mix(const Plan& plan, const T* x, Factor factor, const MixEpilogue<T>& work) {
  const auto fold = JNRF_PICK_KERNEL(fold<T>);
  mix(plan, work, [&](const MixBlock& block, size_t, T* to) {
    fold(block, plan.hidden, factor.half<T>(block, plan.hidden), x, to);
  });
}

// norm.grad_sum becomes the gradient of x.
template <typename T>
void norm_backward(const Plan& plan, Factor factor, const NormBackward<T>& norm) {
  const int64_t hidden = plan.hidden;
  const size_t chunks = plan.row_chunks.size() - 1;
  std::vector<T> sums(chunks * 2 * hidden);
  MixEpilogue<T> work{};
  work.residual = work.out = norm.grad_sum;
  const auto fold = JNRF_PICK_KERNEL(norm_backward_fold<T>);
  mix(plan, work, [&](const MixBlock& block, size_t chunk, T* to) {
    NormBackward<T> mine = norm;
    mine.grad_weight = sums.data() + 2 * chunk * hidden;
    mine.grad_bias = mine.grad_weight + hidden;
    fold(block, hidden, factor.half<T>(block, hidden), mine, to);
  });
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const T* part = sums.data() + 2 * chunk * hidden;
    for (int64_t i = 0; i < hidden; ++i) norm.grad_weight[i] += part[i];
    for (int64_t i = 0; i < hidden; ++i) norm.grad_bias[i] += part[hidden + i];
  }
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

Tensor fourier_mix(const Tensor& x, const Tensor& cu_seqlens, double scale, bool ortho,
                   int64_t window, int64_t shift) {
  constexpr const char* op = "jnrf::fourier_mix";
  check_matrix(op, "x", x);
  const int64_t tokens = x.size(0), hidden = x.size(1);
  const Plan plan(checked_pieces(op, cu_seqlens, tokens, window, shift), hidden);
  const Tensor out = torch::stable::new_empty(x, {tokens, hidden});
  for_type(op, x, [&](auto type) {
    using T = decltype(type);
    if (out.numel() == 0) return;
    MixEpilogue<T> work{};
    work.out = static_cast<T*>(out.mutable_data_ptr());
    const Tensor dense = torch::stable::contiguous(x);
    mix(plan, static_cast<const T*>(dense.const_data_ptr()), {scale, ortho}, work);
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
  const Plan plan(checked_pieces(op, cu_seqlens, tokens, window, shift), hidden);
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
    MixEpilogue<T> work{};
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
    mix(plan, work.residual, {scale, ortho}, work);
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
  check_like(op, "sum", sum, grad, {tokens, hidden});
  check_like(op, "mean", mean, grad, {tokens});
  check_like(op, "rstd", rstd, grad, {tokens});
  check_like(op, "weight", weight, grad, {hidden});
  const Plan plan(checked_pieces(op, cu_seqlens, tokens, window, shift), hidden);
  const Tensor grad_x = torch::stable::new_empty(grad, {tokens, hidden});
  const Tensor grad_weight = torch::stable::new_zeros(grad, {hidden});
  const Tensor grad_bias = torch::stable::new_zeros(grad, {hidden});
  for_type(op, grad, [&](auto type) {
    using T = decltype(type);
    if (grad.numel() == 0) return;
    const Tensor inputs[] = {torch::stable::contiguous(grad), torch::stable::contiguous(sum),
                             torch::stable::contiguous(mean), torch::stable::contiguous(rstd),
                             torch::stable::contiguous(weight)};
    const auto input = [&](int i) { return static_cast<const T*>(inputs[i].const_data_ptr()); };
    const auto output = [](const Tensor& to) { return static_cast<T*>(to.mutable_data_ptr()); };
    norm_backward<T>(plan, {scale, ortho},
                     {input(0), input(1), input(2), input(3), input(4), output(grad_x),
                      output(grad_weight), output(grad_bias)});
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
