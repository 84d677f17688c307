// What follows from the bounds of packed documents alone.
#include "core/namespace.h"

JNRF_OPERATORS(m) {
  // The position of every token of x [T, ...] in its document, counted from first: int64 [T].
  m.def("token_positions(Tensor x, Tensor cu_seqlens, int first=0) -> Tensor");
}
