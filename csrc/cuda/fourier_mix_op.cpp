// Fourier mixing on CUDA: short pieces by a product on tensor cores, all in a few launches, long
// documents by cuFFT one after another.
#include <algorithm>
#include <atomic>
#include <optional>
#include <tuple>
#include <vector>

#include "cuda/fourier_mix.h"
#include "cuda/fourier_plans.h"
#include "cuda/op.h"
#include "ops/fourier_mix_checks.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

// Spectra that are in memory at a time, unless a single document needs more: about what an L2 cache
// holds.
constexpr int64_t kGroupBytes = int64_t{1} << 26;

// The longest pieces that go by the product, by what was measured (docs/performance.md): three
// launches for all, where cuFFT takes some of the host's time for each. It depends on a piece's
// length alone, so that no bit of a document depends on what it is packed with.
std::atomic<int64_t> product_limit{512};

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

ScalarType wide_dtype(MixType type) {
  return type == MixType::kDouble ? ScalarType::Double : ScalarType::Float;
}

// What is mixed: x [T, H] of `finish.type`, or wide, on the device and stream of `on`.
struct Input {
  const OnDevice& on;
  const Tensor& x;
  bool wide;
};

class OnDevicePieces {
 public:
  OnDevicePieces(const Input& input, PieceTable table)
      : table_(std::move(table)),
        numbers_(torch::stable::new_empty(input.x, {static_cast<int64_t>(table_.numbers.size())},
                                          ScalarType::Int)) {
    launch_write_bounds(table_.numbers.data(), static_cast<int64_t>(table_.numbers.size()),
                        numbers_.mutable_data_ptr<int32_t>(), input.on.stream);
  }
  DevicePieces get() const { return {table_, numbers_.const_data_ptr<int32_t>()}; }

 private:
  PieceTable table_;
  Tensor numbers_;
};

// One after another by cuFFT, in memory that they share.
void transform(const Input& input, const MixFinish& finish, int64_t columns,
               const std::vector<FourierPlans::Work>& work) {
  std::optional<Tensor> workspace;
  FourierPlans::all().transform(
      work,
      {input.x.get_device_index(), 0, finish.hidden, finish.type == MixType::kDouble, columns},
      input.on.stream, [&](size_t bytes) {
        workspace =
            torch::stable::new_empty(input.x, {static_cast<int64_t>(bytes)}, ScalarType::Byte);
        return workspace->mutable_data_ptr();
      });
}

// Rows of all documents by a kernel, their columns one document after another by cuFFT.
void mix_by_columns(const Input& input, const std::vector<Document>& documents,
                    const MixFinish& finish) {
  const OnDevicePieces owner(input, PieceTable(documents, 0, 0, 1));
  const DevicePieces pieces = owner.get();
  const int64_t columns = fft_columns(finish.hidden);
  const Tensor spectra =
      torch::stable::new_empty(input.x, {pieces.table.rows, 2 * columns}, ScalarType::Float);
  auto* numbers = spectra.mutable_data_ptr<float>();
  launch_fold_columns(finish, input.x.const_data_ptr(), input.wide, pieces, numbers,
                      input.on.stream);
  std::vector<FourierPlans::Work> work;
  for (size_t d = 0; d < documents.size(); ++d) {
    float* place = numbers + pieces.table.row(d) * 2 * columns;
    work.push_back({documents[d].length, place, place});
  }
  transform(input, finish, columns, work);
  launch_finish_columns(finish, pieces, numbers, input.on.stream);
}

// Which long documents go by columns: those that cuFFT transforms in one kernel, and those whose
// length has a large prime factor. Others, in several kernels, were slower by columns.
bool columns_pay(int64_t length) {
  constexpr int64_t kOneKernel = 8192, kLargestFactor = 127;  // cuFFT's, as documented
  if (length <= kOneKernel) return true;
  for (int64_t factor = 2; factor <= kLargestFactor; ++factor) {
    while (length % factor == 0) length /= factor;
  }
  return length > 1;
}

// Documents whole by cuFFT, one after another, finished together.
void mix_by_fft(const Input& input, const std::vector<Document>& documents,
                const MixFinish& finish) {
  const OnDevicePieces owner(input, PieceTable(documents, 0, 0, 1));
  const DevicePieces pieces = owner.get();
  const int64_t hidden = finish.hidden, half = hidden / 2 + 1;
  const size_t size = wide_size(finish.type);
  const ScalarType dtype = wide_dtype(finish.type);
  auto* from = static_cast<char*>(input.x.mutable_data_ptr());
  const auto place = [&](size_t d) { return from + documents[d].first * hidden * size; };
  // cuFFT reads pairs of numbers.
  bool readable = input.wide || finish.type != MixType::kBfloat16;
  for (size_t d = 0; readable && d < documents.size(); ++d) {
    readable = reinterpret_cast<uintptr_t>(place(d)) % (2 * size) == 0;
  }
  std::optional<Tensor> gathered;
  if (!readable) {
    gathered = torch::stable::new_empty(input.x, {pieces.table.rows, hidden}, dtype);
    launch_gather_rows(from, finish.type, input.wide, pieces, hidden, gathered->mutable_data_ptr(),
                       input.on.stream);
  }
  const Tensor spectra = torch::stable::new_empty(input.x, {pieces.table.rows, 2 * half}, dtype);
  std::vector<FourierPlans::Work> work;
  for (size_t d = 0; d < documents.size(); ++d) {
    const int64_t row = pieces.table.row(d);
    char* to = static_cast<char*>(spectra.mutable_data_ptr()) + row * 2 * half * size;
    char* aligned = gathered
                        ? static_cast<char*>(gathered->mutable_data_ptr()) + row * hidden * size
                        : place(d);
    work.push_back({documents[d].length, aligned, to});
  }
  transform(input, finish, 0, work);
  launch_finish_spectra(finish, pieces, spectra.const_data_ptr(), input.on.stream);
}

// All documents, or their windows, at once.
void mix_by_product(const Input& input, const std::vector<Document>& documents, int64_t window,
                    int64_t shift, const MixFinish& finish) {
  const OnDevicePieces owner(input, product_table(finish, documents, window, shift));
  const int64_t pairs = owner.get().table.pairs;
  const Tensor folded = torch::stable::new_empty(
      input.x, {pairs, 2, product_columns(finish.hidden)}, ScalarType::Float);
  const Tensor middle = torch::stable::new_empty(input.x, {pairs}, ScalarType::Float);
  launch_mix_product(finish, input.x.const_data_ptr(), input.wide, owner.get(),
                     folded.mutable_data_ptr<float>(), middle.mutable_data_ptr<float>(),
                     input.on.stream);
}

// Windows that are short, in one kernel.
void mix_by_windows(const Input& input, const std::vector<Document>& documents, int64_t window,
                    int64_t shift, const MixFinish& finish) {
  const OnDevicePieces owner(input, windows_table(documents, window, shift));
  launch_mix_windows(finish, input.x.const_data_ptr(), owner.get(), input.on.stream);
}

// Calls work(group) for neighbouring documents, as many as have few enough bytes of spectra.
template <typename F>
void in_groups(const std::vector<Document>& documents, int64_t row_bytes, const F& work) {
  for (size_t first = 0, next = 0; first < documents.size(); first = next) {
    int64_t bytes = 0;
    for (; next < documents.size() && (next == first || bytes < kGroupBytes); ++next) {
      bytes += documents[next].length * row_bytes;
    }
    work({documents.begin() + first, documents.begin() + next});
  }
}

void mix(const Input& input, std::vector<Document> documents, int64_t window, int64_t shift,
         const MixFinish& finish) {
  std::erase_if(documents, [](const Document& document) { return document.length == 0; });
  const int64_t limit = product_serves(finish.hidden, finish.type) ? product_limit.load() : 0;
  if (window && window <= limit && windows_serve(finish.hidden, window, finish.type)) {
    mix_by_windows(input, documents, window, shift, finish);
    return;
  }
  if (window && window <= limit) {
    mix_by_product(input, documents, window, shift, finish);
    return;
  }
  if (window) documents = packed_windows(documents, window, shift);
  const auto first_long =
      std::stable_partition(documents.begin(), documents.end(),
                            [&](const Document& document) { return document.length <= limit; });
  if (first_long != documents.begin()) {
    mix_by_product(input, {documents.begin(), first_long}, 0, 0, finish);
  }
  documents.erase(documents.begin(), first_long);
  const bool served = columns_serve(finish.hidden, finish.type);
  const auto first_whole = std::stable_partition(
      documents.begin(), documents.end(),
      [&](const Document& document) { return served && columns_pay(document.length); });
  const int64_t size = static_cast<int64_t>(wide_size(finish.type));
  in_groups({documents.begin(), first_whole}, 2 * fft_columns(finish.hidden) * size,
            [&](const std::vector<Document>& group) { mix_by_columns(input, group, finish); });
  in_groups({first_whole, documents.end()}, (finish.hidden + 2) * size,
            [&](const std::vector<Document>& group) { mix_by_fft(input, group, finish); });
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
  MixFinish finish{};
  finish.out = out.mutable_data_ptr();
  finish.scale = scale;
  finish.ortho = ortho;
  finish.hidden = x.size(1);
  finish.type = type;
  mix({on, dense, false}, std::move(documents), window, shift, finish);
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
  MixFinish finish{};
  finish.residual = dense.const_data_ptr();
  finish.out = out.mutable_data_ptr();
  finish.weight = dense_weight.const_data_ptr();
  finish.bias = dense_bias.const_data_ptr();
  if (save) {
    finish.sum = sum.mutable_data_ptr();
    finish.mean = mean.mutable_data_ptr();
    finish.rstd = rstd.mutable_data_ptr();
  }
  finish.eps = eps;
  finish.scale = scale;
  finish.ortho = ortho;
  finish.hidden = hidden;
  finish.type = type;
  mix({on, dense, false}, std::move(documents), window, shift, finish);
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
  MixFinish finish{};
  finish.residual = grad_sum.const_data_ptr();
  finish.out = grad_x.mutable_data_ptr();
  finish.scale = scale;
  finish.ortho = ortho;
  finish.hidden = hidden;
  finish.type = type;
  finish.wide_residual = true;
  mix({on, grad_sum, true}, std::move(documents), window, shift, finish);
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
  return tokens >= 0 ? product_limit.exchange(tokens) : product_limit.load();
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
