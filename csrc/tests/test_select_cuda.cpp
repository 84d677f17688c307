// The CUDA kernels of selection and of token positions on what the host cannot check: labels
// without a role and bounds that make no sense must stay harmless. Right inputs are tested from
// Python, against the CPU operators.
#include <cstdint>
#include <string>
#include <vector>

#include "device/device.cuh"
#include "positions/cuda/launchers.h"
#include "select/cuda/launchers.h"
#include "tests/check.h"

namespace {

using jnrf::tests::expect;
using namespace jnrf::cuda;

struct Selected {
  std::vector<int64_t> heads, tails;
  std::vector<int32_t> cu_heads, cu_tails;
  bool operator==(const Selected&) const = default;
};

Selected select(const std::vector<int32_t>& labels, const std::vector<int32_t>& bounds,
                size_t capacity) {
  const std::vector<int32_t> role_of_label{0, 1, 2, 3};
  const auto tokens = static_cast<int64_t>(labels.size());
  std::vector<uint8_t> roles(labels.size());
  std::vector<int32_t> counts(2 * static_cast<size_t>(select_chunks(tokens)));
  Selected out{std::vector<int64_t>(capacity, -7), std::vector<int64_t>(capacity, -7),
               std::vector<int32_t>(bounds.size(), -7), std::vector<int32_t>(bounds.size(), -7)};
  launch_select(
      {labels.data(), LabelKind::kInt32, role_of_label.data(), bounds.data(), tokens, 4,
       static_cast<int64_t>(bounds.size()) - 1, static_cast<int64_t>(capacity), roles.data(),
       counts.data(), out.heads.data(), out.tails.data(), out.cu_heads.data(), out.cu_tails.data()},
      nullptr);
  return out;
}

void test_labels_without_a_role() {
  const Selected got = select({1, 4, -1, 3, 1 << 30, INT32_MIN, 2}, {0, 7}, 4);
  expect(got == Selected{{0, 3, -1, -1}, {3, 6, -1, -1}, {0, 2}, {0, 2}},
         "labels without a role are not selected");
}

void test_tokens_beyond_the_documents() {
  const Selected got = select({1, 1, 3, 1, 3}, {0, 2, 3}, 5);
  expect(got == Selected{{0, 1, 2, -1, -1}, {2, -1, -1, -1, -1}, {0, 2, 3}, {0, 0, 1}},
         "tokens beyond the last document are not selected");
}

void test_bounds_that_make_no_sense() {
  const std::vector<int32_t> labels(700, 3);
  for (const std::vector<int32_t>& bounds :
       {std::vector<int32_t>{5, 3, 700}, {0, 900, 400, 700}, {-9, -1, INT32_MIN}, {INT32_MAX}}) {
    const Selected got = select(labels, bounds, 300);
    bool within = true;
    for (const int32_t bound : got.cu_heads) within = within && bound >= 0 && bound <= 300;
    for (const int64_t head : got.heads) within = within && head >= -1 && head < 700;
    expect(within, "wrong bounds give bounds within the capacity");

    std::vector<int64_t> positions(labels.size(), -7);
    launch_token_positions(bounds.data(), static_cast<int64_t>(bounds.size()) - 1, 700, 10,
                           positions.data(), nullptr);
    within = true;
    for (const int64_t position : positions) within = within && position >= 10 && position < 710;
    expect(within, "wrong bounds give positions within the batch");
  }
}

}  // namespace

int main() {
  for (const unsigned schedule : {0u, 1u, 2u, 3u}) {
    jnrf::cuda::host::schedule = schedule;
    test_labels_without_a_role();
    test_tokens_beyond_the_documents();
    test_bounds_that_make_no_sense();
  }
  return jnrf::tests::report();
}
