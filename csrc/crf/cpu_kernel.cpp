#include "crf/cpu_kernel.h"

#include <cmath>

#include "simd/lanes.h"

namespace jnrf::cpu::JNRF_ISA {
namespace {

constexpr int kWidth = kLanes<double>;
constexpr int kParts = kCrfLanes / kWidth;
struct Row {
  Vec<double> parts[kParts] = {};
};

[[gnu::always_inline]] inline Row load_row(const double* from) {
  Row row;
  for (int v = 0; v < kParts; ++v) row.parts[v] = load(from + v * kWidth);
  return row;
}
[[gnu::always_inline]] inline void store_row(double* to, const Row& row) {
  for (int v = 0; v < kParts; ++v) store<double>(to + v * kWidth, row.parts[v]);
}
[[gnu::always_inline]] inline double sum_row(const Row& row) {
  Vec<double> total = row.parts[0];
  for (int v = 1; v < kParts; ++v) total += row.parts[v];
  return sum<double>(total);
}

// The lanes at `column` of the row vector times the matrix.
[[gnu::always_inline]] inline Row product(const double* vector, const double* matrix, int64_t tags,
                                          int64_t step, int64_t column) {
  // Two sums side by side: one alone would wait for itself at every addition.
  Row even, odd;
  const double* row = matrix + column;
  int64_t i = 0;
  for (; i + 1 < tags; i += 2, row += 2 * step) {
    for (int v = 0; v < kParts; ++v) {
      even.parts[v] += vector[i] * load(row + v * kWidth);
      odd.parts[v] += vector[i + 1] * load(row + step + v * kWidth);
    }
  }
  if (i < tags) {
    for (int v = 0; v < kParts; ++v) even.parts[v] += vector[i] * load(row + v * kWidth);
  }
  for (int v = 0; v < kParts; ++v) even.parts[v] += odd.parts[v];
  return even;
}

// Divides a row by its sum; false where something in it is too small.
bool divide(double* row, int64_t step, double by) {
  if (!(by > 0)) return false;
  const Vec<double> factor = Vec<double>{} + 1 / by, least = Vec<double>{} + kCrfLeast;
  Lanes<double>::Index small = {};
  for (int64_t j = 0; j < step; j += kWidth) {
    const Vec<double> value = load(row + j) * factor;
    small |= (value > 0) & (value < least);
    store<double>(row + j, value);
  }
  int64_t any = 0;
  for (int l = 0; l < kWidth; ++l) any |= small[l];
  return any == 0;
}

bool forward(const CrfFactors& factors, const double* x, int64_t length, double* alpha,
             double* log_norm) {
  const int64_t step = factors.step;
  double norm = 0;
  for (int64_t t = 0; t < length; ++t, x += step, alpha += step) {
    double total = 0;
    for (int64_t j = 0; j < step; j += kCrfLanes) {
      Row row = t == 0 ? load_row(factors.start + j)
                       : product(alpha - step, factors.transitions, factors.tags, step, j);
      const Row emitted = load_row(x + j);
      for (int v = 0; v < kParts; ++v) row.parts[v] *= emitted.parts[v];
      total += sum_row(row);
      store_row(alpha + j, row);
    }
    if (!divide(alpha, step, total)) return false;
    norm += std::log(total);
  }
  double last = 0;
  for (int64_t j = 0; j < step; ++j) last += alpha[j - step] * factors.end[j];
  *log_norm = norm + std::log(last);
  return last > 0;
}

bool backward(const CrfFactors& factors, const double* x, int64_t length, double* beta) {
  const int64_t step = factors.step;
  double followed[kCrfMostTags];
  for (int64_t t = length - 1; t >= 0; --t) {
    double* row_of = beta + t * step;
    double total = 0;
    if (t == length - 1) {
      for (int64_t j = 0; j < step; ++j) total += row_of[j] = factors.end[j];
    } else {
      for (int64_t j = 0; j < step; ++j) followed[j] = row_of[step + j] * x[(t + 1) * step + j];
      for (int64_t i = 0; i < step; i += kCrfLanes) {
        const Row row = product(followed, factors.transposed, factors.tags, step, i);
        total += sum_row(row);
        store_row(row_of + i, row);
      }
    }
    if (!divide(row_of, step, total)) return false;
  }
  return true;
}

int64_t pairs(const CrfFactors& factors, const double* x, const double* alpha, const double* beta,
              int64_t begin, int64_t end, double* sums) {
  const int64_t step = factors.step, tags = factors.tags;
  double followed[kCrfMostTags];
  for (int64_t t = begin; t < end; ++t) {
    const double* here = alpha + t * step;
    const double *next = beta + (t + 1) * step, *emitted = x + (t + 1) * step;
    double total = 0;
    for (int64_t j = 0; j < step; ++j) followed[j] = next[j] * emitted[j];
    for (int64_t j = 0; j < step; j += kCrfLanes) {
      const Row row = product(here, factors.transitions, tags, step, j);
      for (int v = 0; v < kParts; ++v) {
        total += sum<double>(row.parts[v] * load(followed + j + v * kWidth));
      }
    }
    if (!(total > kCrfLeast)) return t;
    for (int64_t j = 0; j < step; ++j) followed[j] /= total;
    for (int64_t i = 0; i < tags; ++i) {
      double* to = sums + i * step;
      for (int64_t j = 0; j < step; j += kWidth) {
        store<double>(to + j, load(to + j) + here[i] * load(followed + j));
      }
    }
  }
  return end;
}

void best(const double* score, const double* transitions, int64_t tags, int64_t step, double* best,
          double* which) {
  for (int64_t j = 0; j < step; j += kWidth) {
    Vec<double> top = score[0] + load(transitions + j), from = {};
    for (int64_t i = 1; i < tags; ++i) {
      const Vec<double> value = score[i] + load(transitions + i * step + j);
      const auto better = value > top;
      top = better ? value : top;
      from = better ? Vec<double>{} + static_cast<double>(i) : from;
    }
    store<double>(best + j, top);
    store<double>(which + j, from);
  }
}

}  // namespace

extern const CrfKernels crf_kernels = {&forward, &backward, &pairs, &best};

}  // namespace jnrf::cpu::JNRF_ISA
