// The CUDA kernels of relations on what the host cannot check: bounds on the device that make no
// sense must stay harmless. Everything else is tested from Python, against the reference.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "device/device.cuh"
#include "relation/cuda/launchers.h"
#include "tests/check.h"

namespace {

using jnrf::tests::expect;
using namespace jnrf::cuda;

constexpr int kRows = 70, kClasses = 2, kSize = 4;

struct Results {
  std::vector<float> loss, grad_u, grad_w;
  std::vector<int32_t> report;
};

// The loss and its gradients of 70 heads and 70 tails, all numbers 1, with one listed pair.
Results run(const std::vector<int32_t>& cu_u, const std::vector<int32_t>& cu_w) {
  const auto documents = static_cast<int>(cu_u.size()) - 1;
  const std::vector<float> ones(kRows * kClasses * kSize, 1.0f);
  const std::vector<int64_t> positions(kRows, 3), listed{1, 1, 1};
  RelationRun run{};
  run.shape = relation_shape(RelationType::kFloat, kClasses);
  run.tiles = most_tiles(run.shape.tile, kRows, kRows, documents);
  run.round = 1;
  std::vector<int64_t> pairs(cu_u.size());
  std::vector<int32_t> tiles(3 * cu_u.size()), counts(run.tiles + 1), places(3);
  Results out{std::vector<float>(documents, 7.0f), ones, ones, std::vector<int32_t>(kReports)};
  const RelationPlan plan{cu_u.data(),
                          cu_w.data(),
                          kRows,
                          kRows,
                          documents,
                          run.shape.tile,
                          pairs.data(),
                          tiles.data(),
                          tiles.data() + cu_u.size(),
                          tiles.data() + 2 * cu_u.size(),
                          out.report.data(),
                          counts.data(),
                          run.tiles + 1};
  std::vector<unsigned char> gradients(run.shape.gradient_bytes);
  std::vector<double> sums(run.tiles * (1 + 3 * kClasses)), coefficients(documents * 3 * kClasses);
  run.gradients = gradients.data();
  run.sums = sums.data();
  run.grad_u = out.grad_u.data();
  run.grad_w = out.grad_w.data();
  run.coefficients = coefficients.data();
  const RelationCall call{RelationType::kFloat,
                          ones.data(),
                          ones.data(),
                          positions.data(),
                          positions.data(),
                          ones.data(),
                          ones.data(),
                          ones.data(),
                          kClasses,
                          kSize,
                          plan};
  const RelationTargets targets{
      {listed.data(), 1, kClasses, places.data(), places.data() + 1, places.data() + 2},
      nullptr,
      0};
  launch_plan(plan, nullptr);
  launch_sort_pairs(plan, targets.listed, nullptr);
  launch_loss(call, run, targets, out.loss.data(), nullptr);
  return out;
}

bool all_nan(const std::vector<float>& values) {
  bool all = true;
  for (const float value : values) all = all && std::isnan(value);
  return all;
}

bool all_zero(const std::vector<float>& values) {
  bool all = true;
  for (const float value : values) all = all && value == 0.0f;
  return all;
}

void test_right_bounds() {
  const Results got = run({0, 66, 70}, {0, 2, 69});
  // Both classes have the score 5 everywhere.
  const double first = 132 * std::log(2.0), second = 4 * 67 * std::log(2.0);
  expect(std::abs(got.loss[0] - first) < 1e-4 && std::abs(got.loss[1] - second) < 1e-4,
         "every pair costs log 2");
  expect(got.report[kFaultyBounds] == 0 && got.report[kFaultyPairs] == 0, "nothing is wrong");
  expect(got.report[kTiles] == 4, "two tiles a document");
}

void test_wrong_bounds() {
  const std::vector<int32_t> right{0, 20, 70};
  for (const std::vector<int32_t>& wrong : {std::vector<int32_t>{1, 20, 70},
                                            {0, 71, 70},
                                            {0, 20, 71},
                                            {0, -5, 70},
                                            {INT32_MIN, INT32_MAX, 0},
                                            {0, INT32_MAX, INT32_MIN}}) {
    for (const bool heads : {false, true}) {
      const Results got = heads ? run(right, wrong) : run(wrong, right);
      expect(got.report[kFaultyBounds] == 1 && got.report[kTiles] == 0,
             "wrong bounds are reported and give no tiles");
      expect(all_nan(got.loss), "wrong bounds make the losses not a number");
      expect(all_zero(got.grad_u) && all_zero(got.grad_w), "wrong bounds give no gradients");
    }
  }
}

void test_most_tiles() {
  expect(most_tiles(64, 0, 5, 3) == 0 && most_tiles(64, 5, 5, 0) == 0, "no rows, no tiles");
  expect(most_tiles(64, 64, 65, 1) == 2, "one document");
  expect(most_tiles(64, 10, 10, 100) == 10, "a row each");
  expect(most_tiles(64, 130, 130, 2) == 10, "one document has nearly all rows");
}

}  // namespace

int main() {
  test_right_bounds();
  test_wrong_bounds();
  test_most_tiles();
  return jnrf::tests::report();
}
