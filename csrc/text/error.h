// The error of these routines; the bindings turn it into jnrf_ext.errors.InputError.
#pragma once

#include <stdexcept>

namespace jnrf::text {

struct InputError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

}  // namespace jnrf::text
