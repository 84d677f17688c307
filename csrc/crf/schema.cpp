// Linear-chain conditional random fields on packed sequences.
#include "core/namespace.h"

JNRF_OPERATORS(m) {
  // The negative log likelihood of each sequence [B] and, with gradients, what its gradient is: of
  // the emissions in their shape, of the transitions [B, C, C]. Those of start and end are the
  // emissions' at the first and last step; bounds are cu_seqlens on the device of the emissions.
  // Without, these have no elements.
  m.def(
      "crf_nll(Tensor emissions, Tensor tags, Tensor transitions, Tensor start, Tensor end, "
      "Tensor cu_seqlens, bool gradients) -> "
      "(Tensor nll, Tensor grad_emissions, Tensor grad_transitions, Tensor bounds)");
  m.def(
      "crf_marginals(Tensor emissions, Tensor transitions, Tensor start, Tensor end, "
      "Tensor cu_seqlens) -> Tensor");
  // The best tags [T] and their score [B].
  m.def(
      "crf_decode(Tensor emissions, Tensor transitions, Tensor start, Tensor end, "
      "Tensor cu_seqlens) -> (Tensor tags, Tensor scores)");
}
