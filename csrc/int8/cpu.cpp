// Layers with int8 weights on the CPU: what is checked, and how rows are shared out.
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "core/checks.h"
#include "int8/attention_kernel.h"
#include "int8/layers_kernel.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr const char* kPack = "int8_pack";
constexpr const char* kLayers = "int8_layers";
constexpr const char* kAttention = "int8_attention";
// Sums of so many products, and of so many codes of probabilities, fit 32 bits.
constexpr int64_t kMostInputs = 65536, kMostKeys = 32768;

Tensor int8_pack(const Tensor& weight) {
  const Tensor q = checked(kPack, "weight", weight, {-1, -1}, ScalarType::Char);
  const int64_t out = q.size(0), in = q.size(1);
  require(in >= 1 && in <= kMostInputs, kPack, ": weight must have 1 to ", kMostInputs,
          " inputs an output, not ", in);
  Tensor packed =
      torch::stable::new_empty(q, {JNRF_PICK_INT8_KERNEL(packed_bytes)(in, out)}, ScalarType::Byte);
  JNRF_PICK_INT8_KERNEL(pack)(q.const_data_ptr<int8_t>(), in, out, packed.mutable_data_ptr());
  return packed;
}

// Memory of a thread for its calls, kept from one to the next.
class ThreadScratch {
 public:
  void* get(size_t bytes) {
    if (bytes > bytes_) {
      constexpr size_t kUnit = 4096;
      bytes_ = (bytes / kUnit + 1) * kUnit;
      memory_.reset(std::aligned_alloc(64, bytes_));
      if (!memory_) {
        bytes_ = 0;
        throw std::bad_alloc();
      }
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  size_t bytes_ = 0;
};

void* thread_scratch(size_t bytes) {
  static thread_local ThreadScratch scratch;
  return scratch.get(bytes);
}

// Contiguous forms of the arguments, held while the kernels run.
struct Arguments {
  std::vector<Tensor> held;
  std::vector<Int8Layer> layers;

  const float* floats(const char* name, const Tensor& tensor,
                      std::initializer_list<int64_t> shape) {
    held.push_back(checked(kLayers, name, tensor, shape, ScalarType::Float));
    return held.back().const_data_ptr<float>();
  }
};

Tensor int8_layers(const Tensor& x, std::vector<Tensor> packed, std::vector<Tensor> columns,
                   int64_t activation, bool activate_last, std::optional<Tensor> residual,
                   std::optional<Tensor> norm_weight, std::optional<Tensor> norm_bias, double eps) {
  require(x.dim() == 2, kLayers, ": x must have the shape [any, any], not ", shape_of(x));
  require(!packed.empty() && packed.size() == columns.size(), kLayers, ": ", packed.size(),
          " packed weights but columns of ", columns.size(),
          " layers; give as many, and at least one");
  require(activation >= 0 && activation <= 2, kLayers, ": activation must be 0, 1 or 2, not ",
          activation);
  require(norm_weight.has_value() == norm_bias.has_value(), kLayers,
          ": norm_weight and norm_bias must be given together");
  const int64_t tokens = x.size(0);
  int64_t size = x.size(1);
  require(size >= 1 && size <= kMostInputs, kLayers, ": x must have 1 to ", kMostInputs,
          " columns, not ", size);
  Arguments given;
  const auto bytes_of = JNRF_PICK_INT8_KERNEL(packed_bytes);
  for (size_t i = 0; i < packed.size(); ++i) {
    const float* values = given.floats("columns", columns[i], {3, -1});
    const int64_t out = columns[i].size(1);
    require(out >= 1 && out <= kMostInputs, kLayers, ": columns must be of 1 to ", kMostInputs,
            " outputs, not ", out);
    given.held.push_back(checked(kLayers, "packed", packed[i], {-1}, ScalarType::Byte));
    require(packed[i].size(0) == bytes_of(size, out), kLayers, ": layer ", i, " from ", size,
            " to ", out, " takes ", bytes_of(size, out), " bytes of packed weights, not ",
            packed[i].size(0), "; pack them with int8_pack on this machine");
    const bool active = i + 1 < packed.size() || activate_last;
    given.layers.push_back({size, out, given.held.back().const_data_ptr(), values, values + out,
                            values + 2 * out, active ? Activation{activation} : Activation::kNone});
    size = out;
  }
  Int8Work work{};
  work.layers = given.layers.data();
  work.count = static_cast<int64_t>(given.layers.size());
  work.x = given.floats("x", x, {tokens, x.size(1)});
  if (residual) work.residual = given.floats("residual", *residual, {tokens, size});
  if (norm_weight) {
    work.norm_weight = given.floats("norm_weight", *norm_weight, {size});
    work.norm_bias = given.floats("norm_bias", *norm_bias, {size});
  }
  work.eps = static_cast<float>(eps);
  Tensor out = torch::stable::new_empty(x, {tokens, size}, ScalarType::Float);
  work.out = out.mutable_data_ptr<float>();

  const auto run = JNRF_PICK_INT8_KERNEL(run_layers);
  const auto scratch_of = JNRF_PICK_INT8_KERNEL(scratch_bytes);
  const int64_t block = JNRF_PICK_INT8_KERNEL(block_rows)();
  const int64_t blocks = (tokens + block - 1) / block;
  torch::stable::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    void* memory = thread_scratch(static_cast<size_t>(scratch_of(work, block)));
    for (int64_t b = begin; b < end; ++b) {
      run(work, b * block, std::min(tokens, (b + 1) * block), memory);
    }
  });
  return out;
}

Tensor int8_attention(const Tensor& qkv, const Tensor& lengths, double scale) {
  const Tensor given = checked(kAttention, "qkv", qkv, {-1, -1, 3, -1, -1}, ScalarType::Float);
  const int64_t windows = given.size(0), length = given.size(1);
  const Tensor real = checked(kAttention, "lengths", lengths, {windows}, ScalarType::Int);
  Int8Attention work{};
  work.length = length;
  work.heads = given.size(3);
  work.size = given.size(4);
  work.scale = static_cast<float>(scale);
  require(length <= kMostKeys, kAttention, ": windows must have at most ", kMostKeys, " rows, not ",
          length);
  require(work.size % 16 == 0 && work.size > 0, kAttention,
          ": the size of a head must be a multiple of 16, not ", work.size);
  work.lengths = real.const_data_ptr<int32_t>();
  for (int64_t w = 0; w < windows; ++w) {
    require(work.lengths[w] >= 0 && work.lengths[w] <= length, kAttention,
            ": lengths must be 0 to ", length, ", but that of window ", w, " is ", work.lengths[w]);
  }
  Tensor out = torch::stable::new_empty(given, {windows, length, work.heads, work.size});
  work.qkv = given.const_data_ptr<float>();
  work.out = out.mutable_data_ptr<float>();
  const auto run = JNRF_PICK_INT8_KERNEL(attend);
  const auto bytes = static_cast<size_t>(JNRF_PICK_INT8_KERNEL(attention_scratch_bytes)(work));
  torch::stable::parallel_for(0, windows * work.heads, 1, [&](int64_t begin, int64_t end) {
    run(work, begin, end, thread_scratch(bytes));
  });
  return out;
}

int64_t int8_isa() { return static_cast<int64_t>(best_int8_isa()); }

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) {
  m.impl("int8_pack", TORCH_BOX(&int8_pack));
  m.impl("int8_layers", TORCH_BOX(&int8_layers));
  m.impl("int8_attention", TORCH_BOX(&int8_attention));
}

STABLE_TORCH_LIBRARY_IMPL(jnrf, CompositeExplicitAutograd, m) {
  m.impl("int8_isa", TORCH_BOX(&int8_isa));
}

}  // namespace jnrf::cpu
