// The CUDA kernels of Fourier mixing, run on the host, against plain loops in float64.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "cuda/fourier_mix.cuh"
#include "cuda/launch.h"
#include "tests/check.h"

namespace {

using jnrf::tests::expect_close;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

std::mt19937 engine(1);

Floats normals(size_t count) {
  std::normal_distribution<float> normal;
  Floats values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

struct Shape {
  int64_t documents, length, hidden;
  unsigned threads;

  int64_t tokens() const { return documents * length; }
  size_t numbers() const { return static_cast<size_t>(tokens() * hidden); }
  std::string text(const char* what) const {
    return std::string(what) + " of " + std::to_string(documents) + " x [" +
           std::to_string(length) + ", " + std::to_string(hidden) + "], " +
           std::to_string(threads) + " threads";
  }
};

constexpr double kEps = 1e-5;
// float32 results of sums of at most 1000 numbers of size 1.
constexpr double kTolerance = 1e-6;

// residual + scale * the real part of the whole spectrum that the half stands for.
Doubles sums(const Shape& shape, const Floats& spectrum, const Floats& residual, double scale) {
  const int64_t half = shape.hidden / 2 + 1;
  Doubles result(residual.begin(), residual.end());
  for (int64_t token = 0; token < shape.tokens(); ++token) {
    const int64_t document = token / shape.length, k = token % shape.length;
    const int64_t mirror = document * shape.length + (shape.length - k) % shape.length;
    for (int64_t j = 0; j < shape.hidden; ++j) {
      const int64_t at = j < half ? token * half + j : mirror * half + (shape.hidden - j);
      result[token * shape.hidden + j] += scale * spectrum[2 * at];
    }
  }
  return result;
}

struct Statistics {
  Doubles mean, rstd;
};

Statistics statistics(const Shape& shape, const Doubles& rows) {
  Statistics result;
  for (int64_t token = 0; token < shape.tokens(); ++token) {
    double mean = 0, square = 0;
    for (int64_t j = 0; j < shape.hidden; ++j) mean += rows[token * shape.hidden + j];
    mean /= static_cast<double>(shape.hidden);
    for (int64_t j = 0; j < shape.hidden; ++j) {
      square += std::pow(rows[token * shape.hidden + j] - mean, 2);
    }
    result.mean.push_back(mean);
    result.rstd.push_back(1 / std::sqrt(square / static_cast<double>(shape.hidden) + kEps));
  }
  return result;
}

void test_epilogue(const Shape& shape, bool with_norm, bool save) {
  const float scale = 0.75f;
  const Floats spectrum = normals(static_cast<size_t>(2 * shape.tokens() * (shape.hidden / 2 + 1)));
  const Floats residual = normals(shape.numbers());
  const Floats weight = normals(shape.hidden), bias = normals(shape.hidden);
  Floats out(shape.numbers()), sum(shape.numbers());
  Floats mean(shape.tokens()), rstd(shape.tokens());
  jnrf::cuda::Epilogue<float, float> work{};
  work.spectrum = spectrum.data();
  work.residual = residual.data();
  work.out = out.data();
  work.scale = scale;
  work.length = shape.length;
  work.hidden = shape.hidden;
  if (with_norm) {
    work.weight = weight.data();
    work.bias = bias.data();
    work.eps = kEps;
  }
  if (save) {
    work.sum = sum.data();
    work.mean = mean.data();
    work.rstd = rstd.data();
  }
  jnrf::cuda::launch("mix_epilogue", jnrf::cuda::mix_epilogue<float, float>,
                     {static_cast<unsigned>(shape.tokens())}, shape.threads,
                     with_norm ? shape.hidden * sizeof(float) : 0, nullptr, work);

  Doubles wanted = sums(shape, spectrum, residual, scale);
  if (!with_norm) {
    expect_close(shape.text("residual + mix").c_str(), out, wanted, kTolerance);
    return;
  }
  const Statistics rows = statistics(shape, wanted);
  if (save) {
    expect_close(shape.text("sum").c_str(), sum, wanted, kTolerance);
    expect_close(shape.text("rstd").c_str(), rstd, rows.rstd, kTolerance);
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    const size_t token = i / shape.hidden, j = i % shape.hidden;
    wanted[i] = (wanted[i] - rows.mean[token]) * rows.rstd[token] * weight[j] + bias[j];
  }
  expect_close(shape.text("norm").c_str(), out, wanted, kTolerance);
}

void test_norm_backward(const Shape& shape, int64_t parts) {
  const Floats grad = normals(shape.numbers()), sum = normals(shape.numbers());
  const Floats weight = normals(shape.hidden);
  const Statistics rows = statistics(shape, Doubles(sum.begin(), sum.end()));
  const Floats mean(rows.mean.begin(), rows.mean.end()), rstd(rows.rstd.begin(), rows.rstd.end());
  Floats grad_sum(shape.numbers()), partial(2 * parts * shape.hidden);
  Floats grad_weight(shape.hidden), grad_bias(shape.hidden);
  const jnrf::cuda::NormBackward<float> work{grad.data(),    sum.data(),     mean.data(),
                                             rstd.data(),    weight.data(),  grad_sum.data(),
                                             partial.data(), shape.tokens(), shape.hidden};
  jnrf::cuda::launch("norm_backward", jnrf::cuda::norm_backward<float>,
                     {static_cast<unsigned>(parts)}, shape.threads,
                     2 * shape.hidden * sizeof(float), nullptr, work);
  jnrf::cuda::launch("sum_partials", jnrf::cuda::sum_partials<float>,
                     {jnrf::cuda::blocks_for(shape.hidden, shape.threads)}, shape.threads, 0,
                     nullptr, partial.data(), parts, shape.hidden, grad_weight.data(),
                     grad_bias.data());

  Doubles wanted(shape.numbers()), wanted_weight(shape.hidden), wanted_bias(shape.hidden);
  for (int64_t token = 0; token < shape.tokens(); ++token) {
    double plain = 0, scaled = 0;
    const auto normal = [&](int64_t j) {
      return (sum[token * shape.hidden + j] - rows.mean[token]) * rows.rstd[token];
    };
    for (int64_t j = 0; j < shape.hidden; ++j) {
      const double g = grad[token * shape.hidden + j];
      plain += g * weight[j] / static_cast<double>(shape.hidden);
      scaled += g * weight[j] * normal(j) / static_cast<double>(shape.hidden);
      wanted_weight[j] += g * normal(j);
      wanted_bias[j] += g;
    }
    for (int64_t j = 0; j < shape.hidden; ++j) {
      const double g = grad[token * shape.hidden + j];
      wanted[token * shape.hidden + j] =
          rows.rstd[token] * (g * weight[j] - plain - normal(j) * scaled);
    }
  }
  expect_close(shape.text("gradient of the sum").c_str(), grad_sum, wanted, kTolerance);
  expect_close(shape.text("gradient of weight").c_str(), grad_weight, wanted_weight, kTolerance);
  expect_close(shape.text("gradient of bias").c_str(), grad_bias, wanted_bias, kTolerance);
}

}  // namespace

int main() {
  // Two features would make the LayerNorm's gradient vanish, and its relative error with it.
  const Shape shapes[] = {
      {1, 1, 3, 32},  {1, 2, 5, 32},   {1, 7, 33, 32},
      {2, 4, 64, 64}, {3, 5, 100, 64}, {2, 3, 257, 128},
  };
  for (const Shape& shape : shapes) {
    test_epilogue(shape, false, false);
    test_epilogue(shape, true, false);
    test_epilogue(shape, true, true);
    test_norm_backward(shape, std::min<int64_t>(shape.tokens(), 3));
  }
  return jnrf::tests::report();
}
