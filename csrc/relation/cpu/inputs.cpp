#include "relation/cpu/inputs.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kReadAhead = 64;  // no panel is wider

ScalarType checked_type(const char* op, const Tensor& u) {
  const ScalarType dtype = u.scalar_type();
  require(dtype == ScalarType::Float || dtype == ScalarType::Double, op,
          ": u must be float32 or float64 on the CPU, not ", torch::headeronly::toString(dtype));
  return dtype;
}

std::vector<double> numbers(const Tensor& positions) {
  const auto* from = positions.const_data_ptr<int64_t>();
  std::vector<double> to(from, from + positions.size(0));
  to.resize(to.size() + kReadAhead);
  return to;
}

}  // namespace

RelationInputs::RelationInputs(const char* op, const Tensor& u, const Tensor& w,
                               const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
                               const Tensor& cu_w, const Tensor& alpha, const Tensor& beta,
                               const Tensor& gamma)
    : RelationArguments(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma,
                        checked_type(op, u)),
      pos_u(numbers(RelationArguments::pos_u)),
      pos_w(numbers(RelationArguments::pos_w)) {}

}  // namespace jnrf::cpu
