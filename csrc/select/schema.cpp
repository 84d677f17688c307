// Which tokens the relation layers look at.
#include "core/namespace.h"

JNRF_OPERATORS(m) {
  // labels: [T] integers, or [T, L] floats whose largest counts. -> indices in document order,
  // -1 in unused places, and the bounds of the documents in them.
  m.def(
      "select_tokens(Tensor labels, Tensor role_of_label, Tensor cu_seqlens, int capacity) -> "
      "(Tensor heads, Tensor tails, Tensor cu_heads, Tensor cu_tails)");
}
