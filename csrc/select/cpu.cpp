// select_tokens on the CPU: every token's role in parallel, then one pass that compacts.
#include <torch/csrc/stable/library.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "select/checks.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr const char* kOp = kSelectTokensOp;
constexpr int64_t kGrain = 4096;  // tokens worth a thread

// The index of the largest; the first of equals; what is not a number counts as largest, as in
// torch.argmax.
template <typename T>
int64_t largest(const T* row, int64_t size) {
  int64_t best = 0;
  for (int64_t i = 1; i < size; ++i) {
    if (std::isnan(row[best])) break;
    if (row[i] > row[best] || std::isnan(row[i])) best = i;
  }
  return best;
}

// roles[t] = role_of_label of token t's label; `label_of(t)` gives the label.
template <typename F>
void find_roles(std::vector<uint8_t>& roles, const int32_t* role_of_label, const F& label_of) {
  torch::stable::parallel_for(0, static_cast<int64_t>(roles.size()), kGrain,
                              [&](int64_t begin, int64_t end) {
                                for (int64_t t = begin; t < end; ++t) {
                                  roles[t] = static_cast<uint8_t>(role_of_label[label_of(t)] & 3);
                                }
                              });
}

template <typename T>
void check_labels(const T* labels, int64_t tokens, int64_t count) {
  for (int64_t t = 0; t < tokens; ++t) {
    require(labels[t] >= 0 && labels[t] < count, kOp, ": label ", labels[t], " of token ", t,
            " is not one of the ", count, " labels of role_of_label");
  }
}

std::vector<uint8_t> roles_of(const SelectArguments& given) {
  const int64_t tokens = given.tokens, count = given.num_labels;
  const Tensor& labels = given.labels;
  const auto* role = given.role_of_label.const_data_ptr<int32_t>();
  std::vector<uint8_t> roles(tokens);
  const ScalarType dtype = labels.scalar_type();
  const auto by_label = [&](const auto* data) {
    check_labels(data, tokens, count);
    find_roles(roles, role, [data](int64_t t) { return data[t]; });
  };
  const auto by_logit = [&](const auto* data) {
    find_roles(roles, role, [=](int64_t t) { return largest(data + t * count, count); });
  };
  if (labels.dim() == 1) {
    require(dtype == ScalarType::Long || dtype == ScalarType::Int, kOp,
            ": labels of shape [T] must be int64 or int32, not ",
            torch::headeronly::toString(dtype));
    if (dtype == ScalarType::Long) {
      by_label(labels.const_data_ptr<int64_t>());
    } else {
      by_label(labels.const_data_ptr<int32_t>());
    }
    return roles;
  }
  require(dtype == ScalarType::Float || dtype == ScalarType::Double, kOp,
          ": labels of shape [T, L] must be float32 or float64, not ",
          torch::headeronly::toString(dtype));
  if (dtype == ScalarType::Float) {
    by_logit(labels.const_data_ptr<float>());
  } else {
    by_logit(labels.const_data_ptr<double>());
  }
  return roles;
}

// The tokens whose role has `bit`, and how many of them each document has.
void compact(const std::vector<uint8_t>& roles, uint8_t bit, const int32_t* cu_seqlens,
             int64_t documents, int64_t capacity, int64_t* indices, int32_t* bounds) {
  int64_t used = 0;
  bounds[0] = 0;
  for (int64_t b = 0; b < documents; ++b) {
    for (int64_t t = cu_seqlens[b]; t < cu_seqlens[b + 1] && used < capacity; ++t) {
      if (roles[t] & bit) indices[used++] = t;
    }
    bounds[b + 1] = static_cast<int32_t>(used);
  }
  for (; used < capacity; ++used) indices[used] = -1;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> select_tokens(const Tensor& labels,
                                                         const Tensor& role_of_label,
                                                         const Tensor& cu_seqlens,
                                                         int64_t capacity) {
  const SelectArguments given(labels, role_of_label, cu_seqlens, capacity);
  check_host_bounds(kOp, given.cu_seqlens, given.tokens);
  const Tensor& cu = given.cu_seqlens;
  const auto* bounds = cu.const_data_ptr<int32_t>();
  const int64_t documents = given.documents;
  const std::vector<uint8_t> roles = roles_of(given);
  const auto empty = [&](int64_t size, ScalarType dtype) {
    return torch::stable::new_empty(cu, {size}, dtype);
  };
  Tensor heads = empty(capacity, ScalarType::Long), tails = empty(capacity, ScalarType::Long);
  Tensor cu_heads = empty(documents + 1, ScalarType::Int);
  Tensor cu_tails = empty(documents + 1, ScalarType::Int);
  compact(roles, 1, bounds, documents, capacity, heads.mutable_data_ptr<int64_t>(),
          cu_heads.mutable_data_ptr<int32_t>());
  compact(roles, 2, bounds, documents, capacity, tails.mutable_data_ptr<int64_t>(),
          cu_tails.mutable_data_ptr<int32_t>());
  return {heads, tails, cu_heads, cu_tails};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) { m.impl("select_tokens", TORCH_BOX(&select_tokens)); }

}  // namespace jnrf::cpu
