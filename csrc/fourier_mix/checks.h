// What the CPU and the CUDA operators of Fourier mixing share: argument checks.
#pragma once

#include <torch/headeronly/util/Exception.h>

#include <string>
#include <vector>

#include "core/checks.h"
#include "core/packed.h"

namespace jnrf {

// x must be [T, H].
inline void check_matrix(const char* op, const char* name, const Tensor& x) {
  STD_TORCH_CHECK(x.dim() == 2, op, ": ", name, " must be [tokens, hidden], not ", shape_of(x));
}

// `other` must have the type and place of `x` and the given shape.
inline void check_like(const char* op, const char* name, const Tensor& other, const Tensor& x,
                       const std::vector<int64_t>& shape) {
  bool same = other.dim() == static_cast<int64_t>(shape.size());
  std::string wanted;
  for (size_t d = 0; d < shape.size(); ++d) {
    same = same && other.size(static_cast<int64_t>(d)) == shape[d];
    wanted += (d ? ", " : "") + std::to_string(shape[d]);
  }
  STD_TORCH_CHECK(same, op, ": ", name, " must be [", wanted, "], not ", shape_of(other));
  STD_TORCH_CHECK(other.scalar_type() == x.scalar_type(), op, ": ", name,
                  " must have the dtype of x");
  STD_TORCH_CHECK(other.device() == x.device(), op, ": ", name, " must be on the device of x");
}

// The documents of `cu_seqlens`, which may be on any device; window and shift are checked too.
inline std::vector<Document> checked_documents(const char* op, const Tensor& cu_seqlens,
                                               int64_t tokens, int64_t window, int64_t shift) {
  STD_TORCH_CHECK(window >= 0 && window <= INT32_MAX, op,
                  ": window must be from 0 to 2^31 - 1, but is ", window);
  STD_TORCH_CHECK(shift >= 0, op, ": shift must not be negative, but is ", shift);
  STD_TORCH_CHECK(cu_seqlens.dim() == 1 && cu_seqlens.size(0) >= 1, op,
                  ": cu_seqlens must be [documents + 1], not ", shape_of(cu_seqlens));
  STD_TORCH_CHECK(cu_seqlens.scalar_type() == torch::headeronly::ScalarType::Int, op,
                  ": cu_seqlens must be int32");
  Tensor host = torch::stable::contiguous(
      cu_seqlens.is_cpu() ? cu_seqlens
                          : torch::stable::to(cu_seqlens, torch::stable::Device(
                                                              torch::headeronly::DeviceType::CPU)));
  const auto* bounds = static_cast<const int32_t*>(host.const_data_ptr());
  const int64_t documents = host.size(0) - 1;
  const std::string wrong = packed_error(bounds, documents, tokens);
  STD_TORCH_CHECK(wrong.empty(), op, ": ", wrong);
  return packed_documents(bounds, documents);
}

// What is mixed: the documents, or with `window` their windows.
inline std::vector<Document> checked_pieces(const char* op, const Tensor& cu_seqlens,
                                            int64_t tokens, int64_t window, int64_t shift) {
  const std::vector<Document> documents = checked_documents(op, cu_seqlens, tokens, window, shift);
  return window ? packed_windows(documents, window, shift) : documents;
}

}  // namespace jnrf
