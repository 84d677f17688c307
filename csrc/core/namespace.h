// The operators' namespace: jnrf, or another one where the tests build the same sources again.
#pragma once

#include <torch/csrc/stable/library.h>

#ifndef JNRF_NAMESPACE
#define JNRF_NAMESPACE jnrf
#endif

// The schemas of a family of operators: JNRF_OPERATORS(m) { m.def("..."); }
#define JNRF_OPERATORS(m) STABLE_TORCH_LIBRARY_FRAGMENT(JNRF_NAMESPACE, m)
