// The little that the C++ tests need of a test framework.
#pragma once

#include <cmath>
#include <cstdio>
#include <vector>

namespace jnrf::tests {

inline int failures = 0;

// Notes a failure where `got` is further than `tolerance` from `wanted`, relative to its L2 norm.
inline void expect_close(const char* what, const std::vector<float>& got,
                         const std::vector<double>& wanted, double tolerance) {
  double distance = 0, norm = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    distance += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    norm += wanted[i] * wanted[i];
  }
  // Written so that a NaN fails too.
  if (!(got.size() == wanted.size() && std::sqrt(distance) <= tolerance * std::sqrt(norm))) {
    std::printf("FAILED %s: relative distance %.2e > %.1e\n", what, std::sqrt(distance / norm),
                tolerance);
    ++failures;
  }
}

}  // namespace jnrf::tests
