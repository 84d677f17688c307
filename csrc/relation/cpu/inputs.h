// What relation_scores, relation_loss and relation_decode take on the CPU.
#pragma once

#include <vector>

#include "relation/checks.h"

namespace jnrf::cpu {

struct RelationInputs : RelationArguments {
  std::vector<double> pos_u, pos_w;  // followed by enough zeros to read a panel past the end

  RelationInputs(const char* op, const Tensor& u, const Tensor& w, const Tensor& pos_u,
                 const Tensor& pos_w, const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha,
                 const Tensor& beta, const Tensor& gamma);

  const int32_t* bounds_u() const { return cu_u.const_data_ptr<int32_t>(); }
  const int32_t* bounds_w() const { return cu_w.const_data_ptr<int32_t>(); }
  bool is_double() const { return u.scalar_type() == torch::headeronly::ScalarType::Double; }

  // Calls f with a value of the element type.
  template <typename F>
  auto dispatch(const F& f) const {
    return is_double() ? f(double{}) : f(float{});
  }
};

}  // namespace jnrf::cpu
