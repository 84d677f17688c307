// Relation scores, their loss and their decoding, for the selected tokens of packed documents.
#include "core/namespace.h"

// u and w may be bfloat16 on CUDA; alpha, beta, gamma, class_weight and what is computed are then
// float32. `workspace`: bytes of gradients of scores that CUDA keeps at once, 0 for the default.
JNRF_OPERATORS(m) {
  m.def(
      "relation_scores(Tensor u, Tensor w, Tensor pos_u, Tensor pos_w, Tensor cu_u, Tensor cu_w, "
      "Tensor alpha, Tensor beta, Tensor gamma) -> Tensor");
  m.def(
      "relation_scores_backward(Tensor grad, Tensor u, Tensor w, Tensor pos_u, Tensor pos_w, "
      "Tensor cu_u, Tensor cu_w, Tensor alpha, Tensor beta, Tensor gamma, int workspace=0) -> "
      "(Tensor u, Tensor w, Tensor alpha, Tensor beta, Tensor gamma)");

  // The loss of each document [B] and, with gradients, what each loss's gradient is: of u and w in
  // their shapes, of alpha, beta and gamma float64 [B, 3, R]. Without, these have no elements.
  m.def(
      "relation_loss(Tensor u, Tensor w, Tensor pos_u, Tensor pos_w, Tensor cu_u, Tensor cu_w, "
      "Tensor alpha, Tensor beta, Tensor gamma, Tensor pairs, int none_class, "
      "Tensor? class_weight, bool gradients, int workspace=0) -> "
      "(Tensor loss, Tensor grad_u, Tensor grad_w, Tensor grad_coefficients)");
  // These, times the gradient of each document's loss [B]: of u and w in their dtype; of alpha,
  // beta and gamma [3, R].
  m.def(
      "relation_loss_backward(Tensor grad, Tensor grad_u, Tensor grad_w, "
      "Tensor grad_coefficients, Tensor cu_u, Tensor cu_w, ScalarType dtype) -> "
      "(Tensor u, Tensor w, Tensor coefficients)");

  m.def(
      "relation_decode(Tensor u, Tensor w, Tensor pos_u, Tensor pos_w, Tensor cu_u, Tensor cu_w, "
      "Tensor alpha, Tensor beta, Tensor gamma, int none_class, float none_bias, bool best_tail, "
      "Tensor? allowed, Tensor? type_w, Tensor? type_u) -> "
      "(Tensor head_rows, Tensor tail_rows, Tensor classes, Tensor probabilities)");
}
