// What the CPU and the CUDA operators of relations check alike.
#pragma once

#include <optional>

#include "core/checks.h"

namespace jnrf {

// The nine arguments that all start with, contiguous. u and w may have more rows than cu_u and cu_w
// cover (the unused places of select_tokens): those take no part and get zero gradients.
struct RelationArguments {
  const char* op;
  Tensor u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma;
  int64_t documents, classes, size;

  // The coefficients, and all results that are numbers, are of the type `wide`.
  RelationArguments(const char* op, const Tensor& u, const Tensor& w, const Tensor& pos_u,
                    const Tensor& pos_w, const Tensor& cu_u, const Tensor& cu_w,
                    const Tensor& alpha, const Tensor& beta, const Tensor& gamma,
                    torch::headeronly::ScalarType wide)
      : op(op) {
    using torch::headeronly::ScalarType;
    const ScalarType dtype = u.scalar_type();
    this->u = checked(op, "u", u, {-1, -1, -1}, dtype);
    classes = u.size(1);
    size = u.size(2);
    require(classes >= 1 && size >= 1, op, ": u must have at least one class and one column, not ",
            shape_of(u));
    this->w = checked(op, "w", w, {-1, classes, size}, dtype);
    this->pos_u = checked(op, "pos_u", pos_u, {u.size(0)}, ScalarType::Long);
    this->pos_w = checked(op, "pos_w", pos_w, {w.size(0)}, ScalarType::Long);
    this->cu_u = bounds("cu_u", cu_u, u.size(0));
    this->cu_w = bounds("cu_w", cu_w, w.size(0));
    documents = this->cu_u.size(0) - 1;
    require(this->cu_w.size(0) == documents + 1, op, ": cu_u describes ", documents,
            " documents, but cu_w ", this->cu_w.size(0) - 1);
    this->alpha = checked(op, "alpha", alpha, {classes}, wide);
    this->beta = checked(op, "beta", beta, {classes}, wide);
    this->gamma = checked(op, "gamma", gamma, {classes}, wide);
    check_device("w", w);
    check_device("pos_u", pos_u);
    check_device("pos_w", pos_w);
    check_device("alpha", alpha);
    check_device("beta", beta);
    check_device("gamma", gamma);
    if (!cu_u.is_cpu()) check_device("cu_u", cu_u);
    if (!cu_w.is_cpu()) check_device("cu_w", cu_w);
  }

  void check_none_class(int64_t none_class) const {
    require(none_class >= 0 && none_class < classes, op, ": none_class ", none_class,
            " is not one of the ", classes, " classes");
  }

  void check_device(const char* name, const Tensor& tensor) const {
    require(tensor.device() == u.device(), op, ": ", name, " is not on the device of u");
  }

 private:
  // What bounds hold is checked here where the host can read them.
  Tensor bounds(const char* name, const Tensor& tensor, int64_t rows) const {
    const Tensor contiguous = checked(op, name, tensor, {-1}, torch::headeronly::ScalarType::Int);
    const int64_t documents = contiguous.size(0) - 1;
    require(documents >= 0, op, ": ", name, " must have the shape [B + 1], not [0]");
    if (!contiguous.is_cpu()) return contiguous;
    const auto* data = contiguous.const_data_ptr<int32_t>();
    check_bounds(op, name, data, documents);
    require(data[documents] <= rows, op, ": ", name, " ends at ", data[documents], ", beyond the ",
            rows, " rows it describes");
    return contiguous;
  }
};

// Which types pairs may have, if anything says so.
struct RelationRule {
  Tensor allowed, type_w, type_u;
  bool restricted = false;
  int64_t types = 0;

  RelationRule(const RelationArguments& inputs, const std::optional<Tensor>& allowed,
               const std::optional<Tensor>& type_w, const std::optional<Tensor>& type_u) {
    using torch::headeronly::ScalarType;
    const char* op = inputs.op;
    const bool all = allowed && type_w && type_u, none = !allowed && !type_w && !type_u;
    require(all || none, op, ": allowed, type_w and type_u belong together; give all or none");
    if (none) return;
    restricted = true;
    types = allowed->dim() > 0 ? allowed->size(0) : 0;
    this->allowed =
        checked(op, "allowed", *allowed, {types, types, inputs.classes}, ScalarType::Bool);
    this->type_w = checked(op, "type_w", *type_w, {inputs.w.size(0)}, ScalarType::Long);
    this->type_u = checked(op, "type_u", *type_u, {inputs.u.size(0)}, ScalarType::Long);
    inputs.check_device("allowed", *allowed);
    inputs.check_device("type_w", *type_w);
    inputs.check_device("type_u", *type_u);
  }
};

// The raw gradients of relation_loss and the gradient of each document's loss, contiguous.
struct LossGradients {
  Tensor grad, u, w, coefficients, cu_u, cu_w;

  LossGradients(const char* op, const Tensor& grad, const Tensor& grad_u, const Tensor& grad_w,
                const Tensor& grad_coefficients, const Tensor& cu_u, const Tensor& cu_w) {
    using torch::headeronly::ScalarType;
    const ScalarType dtype = grad.scalar_type();
    require(dtype == ScalarType::Float || dtype == ScalarType::Double, op,
            ": grad must be float32 or float64, not ", torch::headeronly::toString(dtype));
    this->grad = checked(op, "grad", grad, {-1}, dtype);
    const int64_t documents = grad.size(0);
    u = checked(op, "grad_u", grad_u, {-1, -1, -1}, dtype);
    w = checked(op, "grad_w", grad_w, {-1, u.size(1), u.size(2)}, dtype);
    coefficients = checked(op, "grad_coefficients", grad_coefficients, {documents, 3, u.size(1)},
                           ScalarType::Double);
    this->cu_u = checked(op, "cu_u", cu_u, {documents + 1}, ScalarType::Int);
    this->cu_w = checked(op, "cu_w", cu_w, {documents + 1}, ScalarType::Int);
  }
};

}  // namespace jnrf
