// What the CPU and the CUDA operator of token positions check alike.
#pragma once

#include <cstdint>

#include "core/checks.h"

namespace jnrf {

// The contiguous bounds of the documents of x [T, ...]. What they hold is checked where it can be
// read.
inline Tensor checked_positions(const Tensor& x, const Tensor& cu_seqlens) {
  constexpr const char* op = "token_positions";
  require(x.dim() >= 1, op, ": x must have the shape [T, ...], not []");
  require(cu_seqlens.is_cpu() || cu_seqlens.device() == x.device(), op,
          ": cu_seqlens must be on the device of x, or on the CPU");
  Tensor cu = checked(op, "cu_seqlens", cu_seqlens, {-1}, torch::headeronly::ScalarType::Int);
  require(cu.size(0) >= 1, op, ": cu_seqlens must have the shape [B + 1], not [0]");
  return cu;
}

}  // namespace jnrf
