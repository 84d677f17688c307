// What relation_scores, relation_loss and relation_decode take, checked and made contiguous.
#pragma once

#include <vector>

#include "ops/checks.h"

namespace jnrf::cpu {

// A fixed-capacity batch may have more rows in u and w than cu_u and cu_w cover (the unused places
// of select_tokens): those take no part and get zero gradients.
struct RelationInputs {
  const char* op;
  Tensor u, w, cu_u, cu_w, alpha, beta, gamma;
  std::vector<double> pos_u, pos_w;  // followed by enough zeros to read a panel past the end
  int64_t documents, classes, size;

  RelationInputs(const char* op, const Tensor& u, const Tensor& w, const Tensor& pos_u,
                 const Tensor& pos_w, const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha,
                 const Tensor& beta, const Tensor& gamma);

  const int32_t* bounds_u() const { return cu_u.const_data_ptr<int32_t>(); }
  const int32_t* bounds_w() const { return cu_w.const_data_ptr<int32_t>(); }
  bool is_double() const { return u.scalar_type() == torch::headeronly::ScalarType::Double; }
  void check_none_class(int64_t none_class) const;

  // Calls f with a value of the element type.
  template <typename F>
  auto dispatch(const F& f) const {
    return is_double() ? f(double{}) : f(float{});
  }
};

}  // namespace jnrf::cpu
