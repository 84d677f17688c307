// The CUDA kernels of CRFs, run on the host, against the same recursions in logarithms.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "crf/cuda/launchers.h"
#include "device/device.cuh"
#include "tests/check.h"

namespace {

using Doubles = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::mt19937 engine(1);

double log_sum_exp(const Doubles& values) {
  const double largest = *std::max_element(values.begin(), values.end());
  if (largest == -kInfinity) return largest;
  double total = 0;
  for (double value : values) total += std::exp(value - largest);
  return largest + std::log(total);
}

// Sequences one after another, float64.
struct Problem {
  int tags;
  std::vector<int32_t> bounds{0};
  Doubles emissions, transitions, start, end;
  std::vector<int64_t> gold;

  Problem(int count, const std::vector<int>& lengths, double scale) : tags(count) {
    std::normal_distribution<double> normal(0, scale);
    for (int length : lengths) bounds.push_back(bounds.back() + length);
    const auto fill = [&](Doubles& values, size_t size) {
      values.resize(size);
      for (double& value : values) value = normal(engine);
    };
    fill(emissions, static_cast<size_t>(tokens() * tags));
    fill(transitions, static_cast<size_t>(tags * tags));
    fill(start, tags);
    fill(end, tags);
    std::uniform_int_distribution<int> tag(0, tags - 1);
    gold.resize(tokens());
    for (int64_t& given : gold) given = tag(engine);
  }

  int64_t tokens() const { return bounds.back(); }
  int sequences() const { return static_cast<int>(bounds.size()) - 1; }
  double e(int64_t token, int j) const { return emissions[token * tags + j]; }
  double a(int64_t i, int64_t j) const { return transitions[i * tags + j]; }
  jnrf::cuda::CrfProblem on_device() const {
    return {jnrf::cuda::CrfType::kDouble,
            emissions.data(),
            transitions.data(),
            start.data(),
            end.data(),
            bounds.data(),
            tokens(),
            tags,
            sequences(),
            tokens()};
  }
};

// What the operators should give.
struct Wanted {
  Doubles loss, of_emissions, of_transitions, best_score;

  explicit Wanted(const Problem& p)
      : of_emissions(p.emissions.size()),
        of_transitions(static_cast<size_t>(p.sequences()) * p.tags * p.tags) {
    for (int b = 0; b < p.sequences(); ++b) add(p, b);
  }

 private:
  void add(const Problem& p, int b) {
    const int64_t first = p.bounds[b], length = p.bounds[b + 1] - first;
    if (length == 0) {
      loss.push_back(0);
      best_score.push_back(0);
      return;
    }
    const int n = p.tags;
    std::vector<Doubles> alpha(length, Doubles(n)), beta(length, Doubles(n)), top = alpha;
    Doubles terms(n);
    for (int64_t t = 0; t < length; ++t) {
      for (int j = 0; j < n; ++j) {
        double before = p.start[j], best = p.start[j];
        if (t > 0) {
          for (int i = 0; i < n; ++i) terms[i] = alpha[t - 1][i] + p.a(i, j);
          before = log_sum_exp(terms);
          for (int i = 0; i < n; ++i) terms[i] = top[t - 1][i] + p.a(i, j);
          best = *std::max_element(terms.begin(), terms.end());
        }
        alpha[t][j] = before + p.e(first + t, j);
        top[t][j] = best + p.e(first + t, j);
      }
    }
    for (int64_t t = length - 1; t >= 0; --t) {
      for (int i = 0; i < n; ++i) {
        for (int j = 0; t + 1 < length && j < n; ++j) {
          terms[j] = p.a(i, j) + p.e(first + t + 1, j) + beta[t + 1][j];
        }
        beta[t][i] = t + 1 < length ? log_sum_exp(terms) : p.end[i];
      }
    }
    for (int j = 0; j < n; ++j) terms[j] = alpha[length - 1][j] + p.end[j];
    const double norm = log_sum_exp(terms);
    for (int j = 0; j < n; ++j) terms[j] = top[length - 1][j] + p.end[j];
    best_score.push_back(*std::max_element(terms.begin(), terms.end()));

    double score = p.start[p.gold[first]] + p.end[p.gold[first + length - 1]];
    double* pairs = of_transitions.data() + static_cast<int64_t>(b) * n * n;
    for (int64_t t = 0; t < length; ++t) {
      const auto given = static_cast<int>(p.gold[first + t]);
      score += p.e(first + t, given);
      for (int j = 0; j < n; ++j) {
        of_emissions[(first + t) * n + j] =
            std::exp(alpha[t][j] + beta[t][j] - norm) - (j == given ? 1 : 0);
      }
      if (t + 1 == length) continue;
      const int64_t next = p.gold[first + t + 1];
      score += p.a(given, next);
      pairs[given * n + next] -= 1;
      for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
          pairs[i * n + j] +=
              std::exp(alpha[t][i] + p.a(i, j) + p.e(first + t + 1, j) + beta[t + 1][j] - norm);
        }
      }
    }
    loss.push_back(norm - score);
  }
};

void expect_near(const std::string& what, const Doubles& got, const Doubles& wanted,
                 double tolerance) {
  jnrf::tests::expect_close(what.c_str(), std::vector<float>(got.begin(), got.end()), wanted,
                            tolerance);
}

void test(int tags, const std::vector<int>& lengths, double scale) {
  const Problem problem(tags, lengths, scale);
  const Wanted wanted(problem);
  const std::string what =
      " of " + std::to_string(tags) + " tags, scores of about " + std::to_string(scale);
  // float32 is what the comparison is made in.
  const double tolerance = 2e-7 + 1e-12 * scale;
  for (unsigned schedule : {0u, 1u, 2u}) {
    jnrf::cuda::host::schedule = schedule;
    const size_t rows = problem.emissions.size(), tokens = problem.tokens();
    Doubles alpha(rows), beta(rows), followed(rows), weight(tokens);
    Doubles log_norm(problem.sequences()), loss(problem.sequences());
    std::vector<int32_t> logarithms(problem.sequences());
    const jnrf::cuda::CrfWorkspace work{alpha.data(),  beta.data(),     followed.data(),
                                        weight.data(), log_norm.data(), logarithms.data()};
    const auto given = problem.on_device();
    launch_crf_passes(given, work, nullptr);
    launch_crf_loss(given, work, problem.gold.data(), loss.data(), nullptr);
    expect_near("loss" + what, loss, wanted.loss, tolerance);
    Doubles of_emissions(rows, -7), of_transitions(wanted.of_transitions.size(), -7);
    Doubles shares(crf_shares(given) * tags * tags, -7);
    launch_crf_gradients(given, work, problem.gold.data(), shares.data(), of_emissions.data(),
                         of_transitions.data(), nullptr);
    expect_near("gradient of emissions" + what, of_emissions, wanted.of_emissions, tolerance);
    expect_near("gradient of transitions" + what, of_transitions, wanted.of_transitions, tolerance);
    std::vector<uint8_t> pointers(rows);
    std::vector<int64_t> best(tokens, -1);
    Doubles scores(problem.sequences());
    jnrf::cuda::CrfSearchWorkspace search{};
    search.steps = pointers.data();
    launch_crf_viterbi(given, search, best.data(), scores.data(), nullptr);
    expect_near("best score" + what, scores, wanted.best_score, tolerance);
    for (int64_t tag : best) {
      jnrf::tests::expect(tag >= 0 && tag < tags, ("a tag for every step" + what).c_str());
    }
  }
}

// Long sequences go by chunks; float64 ones, of the same numbers, step by step.
void test_chunks(int tags, const std::vector<int>& lengths) {
  Problem problem(tags, lengths, 1.0);
  using Floats = std::vector<float>;
  std::vector<Floats> rounded;
  for (Doubles* values : {&problem.emissions, &problem.transitions, &problem.start, &problem.end}) {
    rounded.emplace_back(values->begin(), values->end());
    values->assign(rounded.back().begin(), rounded.back().end());
  }
  const auto exact = problem.on_device();
  auto given = exact;
  given.type = jnrf::cuda::CrfType::kFloat;
  given.emissions = rounded[0].data();
  given.transitions = rounded[1].data();
  given.start = rounded[2].data();
  given.end = rounded[3].data();
  const size_t rows = problem.emissions.size(), tokens = problem.tokens();
  const auto chunks = static_cast<size_t>(crf_chunks(given));
  jnrf::tests::expect(chunks > 0 && crf_chunks(exact) == 0, "only float32 goes by chunks");
  std::vector<int64_t> wanted(tokens);
  Doubles scores(problem.sequences());
  std::vector<uint8_t> pointers(rows);
  launch_crf_viterbi(exact, {pointers.data(), nullptr, nullptr, nullptr}, wanted.data(),
                     scores.data(), nullptr);
  for (unsigned schedule : {0u, 1u, 2u}) {
    jnrf::cuda::host::schedule = schedule;
    std::vector<uint8_t> paths(rows), before(chunks * tags);
    Doubles products(chunks * tags * tags), starts(chunks * tags);
    std::vector<int64_t> best(tokens, -1);
    Floats best_scores(problem.sequences());
    launch_crf_viterbi(given, {paths.data(), products.data(), starts.data(), before.data()},
                       best.data(), best_scores.data(), nullptr);
    jnrf::tests::expect(best == wanted, "tags of chunks");
    jnrf::tests::expect_close("scores of chunks", best_scores, scores, 2e-7);
  }
}

}  // namespace

int main() {
  for (int tags : {2, 5, 33, 70}) {
    test(tags, {1, 0, 2, 9}, 1.0);
    test(tags, {4, 7}, 90.0);  // far enough apart for logarithms
  }
  test(3, {130, 259}, 1.0);
  jnrf::cuda::host::multiprocessors = 132;  // so that chunks pay
  for (int tags : {3, 19, 26, 35}) test_chunks(tags, {225, 0, 34, 257});
  return jnrf::tests::report();
}
