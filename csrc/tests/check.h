// The little that the C++ tests need of a test framework.
#pragma once

#include <cmath>
#include <cstdio>
#include <vector>

namespace jnrf::tests {

inline int failures = 0;

inline void expect(bool right, const char* what) {
  if (right) return;
  std::printf("FAILED %s\n", what);
  ++failures;
}

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

// What main returns.
inline int report() {
  std::printf("%d failures\n", failures);
  return failures ? 1 : 0;
}

}  // namespace jnrf::tests
