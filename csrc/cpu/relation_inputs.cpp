#include "cpu/relation_inputs.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kReadAhead = 64;  // no panel is wider

std::vector<double> positions(const char* op, const char* name, const Tensor& tensor,
                              int64_t rows) {
  const Tensor contiguous = checked(op, name, tensor, {rows}, ScalarType::Long);
  const auto* from = contiguous.const_data_ptr<int64_t>();
  std::vector<double> to(from, from + rows);
  to.resize(rows + kReadAhead);
  return to;
}

Tensor bounds(const char* op, const char* name, const Tensor& tensor, int64_t rows) {
  const Tensor contiguous = checked(op, name, tensor, {-1}, ScalarType::Int);
  const int64_t documents = contiguous.size(0) - 1;
  require(documents >= 0, op, ": ", name, " must have the shape [B + 1], not [0]");
  const auto* data = contiguous.const_data_ptr<int32_t>();
  check_bounds(op, name, data, documents);
  require(data[documents] <= rows, op, ": ", name, " ends at ", data[documents], ", beyond the ",
          rows, " rows it describes");
  return contiguous;
}

}  // namespace

RelationInputs::RelationInputs(const char* op, const Tensor& u, const Tensor& w,
                               const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
                               const Tensor& cu_w, const Tensor& alpha, const Tensor& beta,
                               const Tensor& gamma)
    : op(op) {
  const ScalarType dtype = u.scalar_type();
  require(dtype == ScalarType::Float || dtype == ScalarType::Double, op,
          ": u must be float32 or float64 on the CPU, not ", torch::headeronly::toString(dtype));
  this->u = checked(op, "u", u, {-1, -1, -1}, dtype);
  classes = u.size(1);
  size = u.size(2);
  require(classes >= 1 && size >= 1, op, ": u must have at least one class and one column, not ",
          shape_of(u));
  this->w = checked(op, "w", w, {-1, classes, size}, dtype);
  this->pos_u = positions(op, "pos_u", pos_u, u.size(0));
  this->pos_w = positions(op, "pos_w", pos_w, w.size(0));
  this->cu_u = bounds(op, "cu_u", cu_u, u.size(0));
  this->cu_w = bounds(op, "cu_w", cu_w, w.size(0));
  documents = this->cu_u.size(0) - 1;
  require(this->cu_w.size(0) == documents + 1, op, ": cu_u describes ", documents,
          " documents, but cu_w ", this->cu_w.size(0) - 1);
  this->alpha = checked(op, "alpha", alpha, {classes}, dtype);
  this->beta = checked(op, "beta", beta, {classes}, dtype);
  this->gamma = checked(op, "gamma", gamma, {classes}, dtype);
}

void RelationInputs::check_none_class(int64_t none_class) const {
  require(none_class >= 0 && none_class < classes, op, ": none_class ", none_class,
          " is not one of the ", classes, " classes");
}

}  // namespace jnrf::cpu
