// Checks that every implementation of an operator makes, with messages for the caller: the
// operator, the argument, what it must be and what it is.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>

// As torch 2.11 calls it.
#ifndef STABLE_TORCH_ERROR_CODE_CHECK
#define STABLE_TORCH_ERROR_CODE_CHECK(call) TORCH_ERROR_CODE_CHECK(call)
#endif

namespace jnrf {

using torch::stable::Tensor;

// Without the file and line of our own source, which would tell a caller nothing.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (condition) return;
  std::ostringstream message;
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

inline std::string shape_of(const Tensor& tensor) {
  std::string text = "[";
  for (int64_t d = 0; d < tensor.dim(); ++d) {
    text += (d ? ", " : "") + std::to_string(tensor.size(d));
  }
  return text + "]";
}

// The contiguous form of an argument of this shape (-1: any size) and element type.
inline Tensor checked(const char* op, const char* name, const Tensor& tensor,
                      std::initializer_list<int64_t> shape, torch::headeronly::ScalarType dtype) {
  bool fits = tensor.dim() == static_cast<int64_t>(shape.size());
  std::string wanted;
  int64_t d = 0;
  for (int64_t size : shape) {
    fits = fits && (size < 0 || tensor.size(d) == size);
    wanted += (d++ ? ", " : "") + (size < 0 ? std::string("any") : std::to_string(size));
  }
  require(fits, op, ": ", name, " must have the shape [", wanted, "], not ", shape_of(tensor));
  require(tensor.scalar_type() == dtype, op, ": ", name, " must be ",
          torch::headeronly::toString(dtype), ", not ",
          torch::headeronly::toString(tensor.scalar_type()));
  return torch::stable::contiguous(tensor);
}

// The bounds of the documents must start at 0 and not decrease.
inline void check_bounds(const char* op, const char* name, const int32_t* bounds,
                         int64_t documents) {
  require(bounds[0] == 0, op, ": ", name, " must start at 0, not at ", bounds[0]);
  for (int64_t b = 0; b < documents; ++b) {
    require(bounds[b] <= bounds[b + 1], op, ": ", name, " decreases from ", bounds[b], " to ",
            bounds[b + 1], " at document ", b);
  }
}

// Bounds on the host, int32 and contiguous, must be those of documents of `tokens` tokens.
inline void check_host_bounds(const char* op, const Tensor& cu_seqlens, int64_t tokens) {
  const auto* bounds = cu_seqlens.const_data_ptr<int32_t>();
  const int64_t documents = cu_seqlens.size(0) - 1;
  check_bounds(op, "cu_seqlens", bounds, documents);
  require(bounds[documents] == tokens, op, ": cu_seqlens must end at the number of tokens, ",
          tokens, ", not at ", bounds[documents]);
}

}  // namespace jnrf
