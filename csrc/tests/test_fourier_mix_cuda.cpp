// The CUDA kernels of Fourier mixing, run on the host, against their definitions in float64.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "fourier_mix/cuda/cufft/plans.h"
#include "fourier_mix/cuda/launchers.h"
#include "host_cuda/execution.h"
#include "tests/check.h"

namespace {

using jnrf::Document;
using jnrf::cuda::MixType;
using jnrf::tests::expect_close;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr double kEps = 1e-5, kScale = 0.75;
// float32 results of sums of at most 1000 numbers of size 1.
constexpr double kTolerance = 1e-6;

std::mt19937 engine(1);

Floats normals(int64_t count) {
  std::normal_distribution<float> normal;
  Floats values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

struct Batch {
  std::vector<int64_t> lengths;
  int64_t hidden;

  std::vector<Document> documents() const {
    std::vector<Document> result;
    int64_t first = 0;
    for (int64_t length : lengths) {
      result.push_back({first, length});
      first += length;
    }
    return result;
  }
  int64_t tokens() const { return documents().back().first + lengths.back(); }
  int64_t longest() const { return *std::max_element(lengths.begin(), lengths.end()); }
  std::string text(const char* what) const {
    std::string result = std::string(what) + " of " + std::to_string(hidden) + " features and";
    for (int64_t length : lengths) result += " " + std::to_string(length);
    return result + " tokens, schedule " + std::to_string(jnrf::cuda::host::schedule);
  }
};

// x + scale / sqrt(N H) * Re FFT2(x) of every document, by the sums of the definition.
Doubles sums(const Batch& batch, const Floats& x) {
  const int64_t hidden = batch.hidden;
  Doubles result(x.begin(), x.end());
  for (const Document& document : batch.documents()) {
    const int64_t length = document.length;
    const double factor = kScale / std::sqrt(static_cast<double>(length * hidden));
    for (int64_t k = 0; k < length; ++k) {
      for (int64_t j = 0; j < hidden; ++j) {
        double sum = 0;
        for (int64_t n = 0; n < length; ++n) {
          for (int64_t h = 0; h < hidden; ++h) {
            const double turn = static_cast<double>(k * n % length) / static_cast<double>(length) +
                                static_cast<double>(j * h % hidden) / static_cast<double>(hidden);
            sum += x[(document.first + n) * hidden + h] * std::cos(2 * std::numbers::pi * turn);
          }
        }
        result[(document.first + k) * hidden + j] += factor * sum;
      }
    }
  }
  return result;
}

struct Statistics {
  Doubles mean, rstd;
};

Statistics statistics(const Doubles& rows, int64_t hidden) {
  Statistics result;
  for (size_t row = 0; row < rows.size(); row += hidden) {
    double mean = 0, square = 0;
    for (int64_t j = 0; j < hidden; ++j) mean += rows[row + j];
    mean /= static_cast<double>(hidden);
    for (int64_t j = 0; j < hidden; ++j) square += std::pow(rows[row + j] - mean, 2);
    result.mean.push_back(mean);
    result.rstd.push_back(1 / std::sqrt(square / static_cast<double>(hidden) + kEps));
  }
  return result;
}

Doubles normalised(const Batch& batch, const Doubles& rows, const Statistics& statistics,
                   const Floats& weight, const Floats& bias) {
  Doubles result(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t token = i / batch.hidden, j = i % batch.hidden;
    result[i] = (rows[i] - statistics.mean[token]) * statistics.rstd[token] * weight[j] + bias[j];
  }
  return result;
}

void transform(const std::vector<jnrf::cuda::FourierPlans::Work>& work, int64_t hidden,
               int64_t columns) {
  std::vector<char> workspace;
  jnrf::cuda::FourierPlans::all().transform(work, {0, 0, hidden, false, columns}, nullptr,
                                            [&](size_t bytes) {
                                              workspace.resize(bytes);
                                              return workspace.data();
                                            });
}

void mix_by_fft(const Batch& batch, const Floats& x, bool gather,
                const jnrf::cuda::MixEpilogue& epilogue) {
  const jnrf::cuda::PieceTable table(batch.documents(), 0, 0, 1);
  const jnrf::cuda::DevicePieces pieces{table, table.numbers.data()};
  const int64_t hidden = batch.hidden, width = 2 * (hidden / 2 + 1);
  Floats rows(gather ? table.rows * hidden : 0), spectra(table.rows * width);
  if (gather) {
    launch_gather_rows(x.data(), MixType::kFloat, false, pieces, hidden, rows.data(), nullptr);
  }
  std::vector<jnrf::cuda::FourierPlans::Work> work;
  for (size_t d = 0; d < batch.lengths.size(); ++d) {
    const float* from = gather ? rows.data() + table.row(d) * hidden
                               : x.data() + batch.documents()[d].first * hidden;
    work.push_back(
        {batch.lengths[d], const_cast<float*>(from), spectra.data() + table.row(d) * width});
  }
  transform(work, hidden, 0);
  launch_spectrum_epilogue(epilogue, pieces, spectra.data(), nullptr);
}

void mix_by_columns(const Batch& batch, const Floats& x, const jnrf::cuda::MixEpilogue& epilogue) {
  const jnrf::cuda::PieceTable table(batch.documents(), 0, 0, 1);
  const jnrf::cuda::DevicePieces pieces{table, table.numbers.data()};
  const int64_t columns = jnrf::cuda::fft_columns(batch.hidden);
  Floats spectra(table.rows * 2 * columns);
  launch_fold_columns(epilogue, x.data(), false, pieces, spectra.data(), nullptr);
  std::vector<jnrf::cuda::FourierPlans::Work> work;
  for (size_t d = 0; d < batch.lengths.size(); ++d) {
    float* place = spectra.data() + table.row(d) * 2 * columns;
    work.push_back({batch.lengths[d], place, place});
  }
  transform(work, batch.hidden, columns);
  launch_column_epilogue(epilogue, pieces, spectra.data(), nullptr);
}

void mix_by_product(const Batch& batch, const Floats& x, const jnrf::cuda::MixEpilogue& epilogue) {
  const auto table = jnrf::cuda::product_table(epilogue, batch.documents(), 0, 0);
  const int64_t width = 2 * jnrf::cuda::product_columns(batch.hidden);
  Floats folded(table.pairs * width), middle(table.pairs);
  launch_mix_product(epilogue, x.data(), false, {table, table.numbers.data()}, folded.data(),
                     middle.data(), nullptr);
}

// Every document is one window of the longest's tokens.
void mix_by_windows(const Batch& batch, const Floats& x, const jnrf::cuda::MixEpilogue& epilogue) {
  const auto table = jnrf::cuda::windows_table(batch.documents(), batch.longest(), 0);
  launch_mix_windows(epilogue, x.data(), {table, table.numbers.data()}, nullptr);
}

// mix(epilogue) does the mixing of x.
template <typename F>
void test_mix(const Batch& batch, const char* path, const Floats& x, const F& mix) {
  const int64_t hidden = batch.hidden, tokens = batch.tokens();
  const Floats weight = normals(hidden), bias = normals(hidden);
  const Doubles wanted = sums(batch, x);
  const Statistics rows = statistics(wanted, hidden);
  Floats out(tokens * hidden), sum(tokens * hidden), mean(tokens), rstd(tokens);
  jnrf::cuda::MixEpilogue epilogue{};
  epilogue.residual = x.data();
  epilogue.out = out.data();
  epilogue.scale = kScale;
  epilogue.ortho = true;
  epilogue.hidden = hidden;
  epilogue.type = MixType::kFloat;
  const auto text = [&](const char* what) {
    return batch.text((std::string(path) + ": " + what).c_str());
  };
  mix(epilogue);
  expect_close(text("residual + mix").c_str(), out, wanted, kTolerance);
  if (hidden < 3)
    return;  // two features are normalised to -1 and 1, and small errors to large ones
  epilogue.weight = weight.data();
  epilogue.bias = bias.data();
  epilogue.eps = kEps;
  mix(epilogue);
  const Doubles normal = normalised(batch, wanted, rows, weight, bias);
  expect_close(text("norm").c_str(), out, normal, kTolerance);
  epilogue.sum = sum.data();
  epilogue.mean = mean.data();
  epilogue.rstd = rstd.data();
  mix(epilogue);
  expect_close(text("norm that keeps its sum").c_str(), out, normal, kTolerance);
  expect_close(text("sum").c_str(), sum, wanted, kTolerance);
  expect_close(text("rstd").c_str(), rstd, rows.rstd, kTolerance);
}

void test_norm_backward(const Batch& batch) {
  engine.seed(1);  // what was drawn before may not decide how nearly equal three features are
  const int64_t hidden = batch.hidden, tokens = batch.tokens();
  const Floats grad = normals(tokens * hidden), sum = normals(tokens * hidden);
  const Floats weight = normals(hidden);
  const Statistics rows = statistics(Doubles(sum.begin(), sum.end()), hidden);
  const Floats mean(rows.mean.begin(), rows.mean.end()), rstd(rows.rstd.begin(), rows.rstd.end());
  Floats grad_sum(tokens * hidden), grad_weight(hidden), grad_bias(hidden);
  Floats partial(2 * jnrf::cuda::norm_parts(tokens, hidden, MixType::kFloat) * hidden);
  jnrf::cuda::launch_norm_backward(
      {grad.data(), sum.data(), mean.data(), rstd.data(), weight.data(), grad_sum.data(),
       partial.data(), grad_weight.data(), grad_bias.data(), tokens, hidden, MixType::kFloat},
      nullptr);

  Doubles wanted(tokens * hidden), wanted_weight(hidden), wanted_bias(hidden);
  for (int64_t token = 0; token < tokens; ++token) {
    double plain = 0, scaled = 0;
    const auto normal = [&](int64_t j) {
      return (sum[token * hidden + j] - rows.mean[token]) * rows.rstd[token];
    };
    for (int64_t j = 0; j < hidden; ++j) {
      const double g = grad[token * hidden + j];
      plain += g * weight[j] / static_cast<double>(hidden);
      scaled += g * weight[j] * normal(j) / static_cast<double>(hidden);
      wanted_weight[j] += g * normal(j);
      wanted_bias[j] += g;
    }
    for (int64_t j = 0; j < hidden; ++j) {
      const double g = grad[token * hidden + j];
      wanted[token * hidden + j] = rows.rstd[token] * (g * weight[j] - plain - normal(j) * scaled);
    }
  }
  expect_close(batch.text("gradient of the sum").c_str(), grad_sum, wanted, kTolerance);
  expect_close(batch.text("gradient of weight").c_str(), grad_weight, wanted_weight, kTolerance);
  expect_close(batch.text("gradient of bias").c_str(), grad_bias, wanted_bias, kTolerance);
}

}  // namespace

int main() {
  const Batch batches[] = {
      {{1}, 1},     {{2}, 3},         {{7, 1, 2}, 5}, {{4, 9}, 32},
      {{5, 3}, 33}, {{2, 19, 3}, 36}, {{3}, 132},     {{65, 64, 40, 3}, 12},
      {{8, 5}, 96}, {{16, 11}, 30},   {{1, 2}, 384},  {{4, 3}, 128},
  };
  for (unsigned schedule : {0u, 1u, 2u}) {
    jnrf::cuda::host::schedule = schedule;
    for (const Batch& batch : batches) {
      const Floats x = normals(batch.tokens() * batch.hidden);
      test_mix(batch, "fft of gathered rows", x,
               [&](const auto& epilogue) { mix_by_fft(batch, x, true, epilogue); });
      if (batch.hidden % 2 == 0) {
        test_mix(batch, "fft", x,
                 [&](const auto& epilogue) { mix_by_fft(batch, x, false, epilogue); });
      }
      test_mix(batch, "columns", x,
               [&](const auto& epilogue) { mix_by_columns(batch, x, epilogue); });
      test_mix(batch, "product", x,
               [&](const auto& epilogue) { mix_by_product(batch, x, epilogue); });
      if (jnrf::cuda::windows_support(batch.hidden, batch.longest(), MixType::kFloat)) {
        test_mix(batch, "windows", x,
                 [&](const auto& epilogue) { mix_by_windows(batch, x, epilogue); });
      }
      if (batch.hidden > 2) test_norm_backward(batch);
    }
  }
  return jnrf::tests::report();
}
