#include "fourier_mix/cpu_kernel.h"

#include <algorithm>
#include <cmath>

#include "simd/lanes.h"

namespace jnrf::cpu::JNRF_ISA {
namespace {

int64_t mirror(int64_t index, int64_t size) { return index == 0 ? 0 : size - index; }

// to[m] = factor * (a[m] + b[-m])
template <typename T>
void fold_row(const T* a, const T* b, T* to, int64_t hidden, T factor) {
  constexpr int width = kLanes<T>;
  to[0] = factor * (a[0] + b[0]);
  int64_t m = 1;
  for (; m + width <= hidden; m += width) {
    store<T>(to + m, factor * (load(a + m) + reversed<T>(load(b + hidden - m - width + 1))));
  }
  for (; m < hidden; ++m) to[m] = factor * (a[m] + b[hidden - m]);
}

// place = residual + y for row k of a document, where y[k,j] = direct[j] and y[k,H-j] = other[j]
// for j = 0..H/2. Returns the sum of the row.
template <bool WithResidual, typename T>
T unfold_row(const T* direct, const T* other, const T* residual, T* place, int64_t hidden) {
  constexpr int width = kLanes<T>;
  const int64_t half = hidden / 2 + 1;
  Vec<T> lanes = {};
  T total = 0;
  const auto put = [&](int64_t i, Vec<T> value) {
    if constexpr (WithResidual) value += load(residual + i);
    store<T>(place + i, value);
    lanes += value;
  };
  const auto put_one = [&](int64_t i, T value) {
    if constexpr (WithResidual) value += residual[i];
    place[i] = value;
    total += value;
  };
  int64_t i = 0;
  for (; i + width <= half; i += width) put(i, load(direct + i));
  for (; i < half; ++i) put_one(i, direct[i]);
  for (; i + width <= hidden; i += width) {
    put(i, reversed<T>(load(other + hidden - i - width + 1)));
  }
  for (; i < hidden; ++i) put_one(i, other[hidden - i]);
  return total + sum<T>(lanes);
}

// The LayerNorm of a row whose sum is known.
template <typename T>
void norm_row(const MixEpilogue<T>& work, int64_t hidden, int64_t token, const T* row, T total) {
  constexpr int width = kLanes<T>;
  T* out = work.out + token * hidden;
  const int64_t full = hidden / width * width;
  const T mean = total / static_cast<T>(hidden);
  Vec<T> square = {};
  for (int64_t i = 0; i < full; i += width) {
    const Vec<T> centred = load(row + i) - mean;
    square += centred * centred;
  }
  T variance = sum<T>(square);
  for (int64_t i = full; i < hidden; ++i) variance += (row[i] - mean) * (row[i] - mean);
  variance /= static_cast<T>(hidden);
  const T rstd = T(1) / std::sqrt(variance + static_cast<T>(work.eps));
  for (int64_t i = 0; i < full; i += width) {
    store<T>(out + i, (load(row + i) - mean) * rstd * load(work.weight + i) + load(work.bias + i));
  }
  for (int64_t i = full; i < hidden; ++i) {
    out[i] = (row[i] - mean) * rstd * work.weight[i] + work.bias[i];
  }
  if (work.mean) {
    work.mean[token] = mean;
    work.rstd[token] = rstd;
  }
}

template <typename T>
void norm_backward_row(const NormBackward<T>& norm, int64_t hidden, int64_t token) {
  constexpr int width = kLanes<T>;
  const T *grad = norm.grad + token * hidden, *z = norm.sum + token * hidden;
  const T mean = norm.mean[token], rstd = norm.rstd[token];
  T* to = norm.grad_sum + token * hidden;
  const int64_t full = hidden / width * width;
  Vec<T> plain_lanes = {}, scaled_lanes = {};
  for (int64_t i = 0; i < full; i += width) {
    const Vec<T> g = load(grad + i);
    const Vec<T> normal = (load(z + i) - mean) * rstd;
    const Vec<T> weighted = g * load(norm.weight + i);
    plain_lanes += weighted;
    scaled_lanes += weighted * normal;
    store<T>(norm.grad_weight + i, load(norm.grad_weight + i) + g * normal);
    store<T>(norm.grad_bias + i, load(norm.grad_bias + i) + g);
  }
  T plain = sum<T>(plain_lanes), scaled = sum<T>(scaled_lanes);
  for (int64_t i = full; i < hidden; ++i) {
    const T normal = (z[i] - mean) * rstd, weighted = grad[i] * norm.weight[i];
    plain += weighted;
    scaled += weighted * normal;
    norm.grad_weight[i] += grad[i] * normal;
    norm.grad_bias[i] += grad[i];
  }
  plain /= static_cast<T>(hidden);
  scaled /= static_cast<T>(hidden);
  for (int64_t i = 0; i < full; i += width) {
    const Vec<T> normal = (load(z + i) - mean) * rstd;
    store<T>(to + i, rstd * (load(grad + i) * load(norm.weight + i) - plain - normal * scaled));
  }
  for (int64_t i = full; i < hidden; ++i) {
    to[i] = rstd * (grad[i] * norm.weight[i] - plain - (z[i] - mean) * rstd * scaled);
  }
}

// Calls square(i, j) for the corners of width x width squares that cover [i0, i1) x [j0, j1)
// (the last ones overlap their neighbours), or returns false if the area is too small for one.
template <typename F>
bool tile(int64_t i0, int64_t i1, int64_t j0, int64_t j1, int width, const F& square) {
  if (i1 - i0 < width || j1 - j0 < width) return false;
  for (int64_t i = i0; i < i1; i += width) {
    for (int64_t j = j0; j < j1; j += width) {
      square(std::min(i, i1 - width), std::min(j, j1 - width));
    }
  }
  return true;
}

// A square of complex numbers a row `stride` apart -> its Re - Im and Re + Im, transposed.
template <typename T>
[[gnu::always_inline]] inline void load_square(const T* from, int64_t stride,
                                               Vec<T> (&minus)[kLanes<T>],
                                               Vec<T> (&plus)[kLanes<T>]) {
#pragma GCC unroll 8
  for (int l = 0; l < kLanes<T>; ++l) {
    Vec<T> real, imaginary;
    load_complex(from + 2 * l * stride, real, imaginary);
    minus[l] = real - imaginary;
    plus[l] = real + imaginary;
  }
  transpose<T>(minus);
  transpose<T>(plus);
}

}  // namespace

template <typename T>
void fold(const MixBlock& block, int64_t hidden, T factor, const T* x, T* folded) {
  x += block.token * hidden;
  for (int64_t n = block.begin; n < block.end; ++n, folded += hidden) {
    fold_row(x + mirror(n, block.length) * hidden, x + n * hidden, folded, hidden, factor);
  }
}

template <typename T>
void norm_backward_fold(const MixBlock& block, int64_t hidden, T factor,
                        const NormBackward<T>& norm, T* folded) {
  T* grad_sum = norm.grad_sum + block.token * hidden;
  for (int64_t n = block.begin; n < block.end; ++n, folded += hidden) {
    const int64_t there = mirror(n, block.length);
    norm_backward_row(norm, hidden, block.token + n);
    if (there != n) norm_backward_row(norm, hidden, block.token + there);
    fold_row(grad_sum + there * hidden, grad_sum + n * hidden, folded, hidden, factor);
  }
}

template <typename T>
void combine(const MixBlock& block, int64_t hidden, const T* rows, T* columns) {
  constexpr int width = kLanes<T>;
  const int64_t length = block.length, stride = block.stride, half = hidden / 2 + 1;
  rows -= 2 * block.begin * half;
  const auto one = [&](int64_t n, int64_t j) {
    const T real = rows[2 * (n * half + j)], imaginary = rows[2 * (n * half + j) + 1];
    columns[j * stride + mirror(n, length)] = real + imaginary;
    columns[j * stride + n] = real - imaginary;
  };
  const auto square = [&](int64_t j, int64_t n) {
    Vec<T> minus[width], plus[width];
    load_square(rows + 2 * (n * half + j), half, minus, plus);
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      T* column = columns + (j + l) * stride;
      store<T>(column + length - n - width + 1, reversed<T>(plus[l]));
      store<T>(column + n, minus[l]);
    }
  };
  // Row 0 is its own mirror and stays out of the squares.
  const int64_t first = std::max<int64_t>(block.begin, 1);
  if (block.begin == 0) {
    for (int64_t j = 0; j < half; ++j) one(0, j);
  }
  if (tile(0, half, first, block.end, width, square)) return;
  for (int64_t n = first; n < block.end; ++n) {
    for (int64_t j = 0; j < half; ++j) one(n, j);
  }
}

template <typename T>
void spread(int64_t length, int64_t hidden, int64_t first, int64_t last, const T* spectrum,
            T* halves) {
  constexpr int width = kLanes<T>;
  const int64_t stride = length / 2 + 1, half = hidden / 2 + 1;
  spectrum -= 2 * first * stride;
  const auto square = [&](int64_t k, int64_t j) {
    Vec<T> minus[width], plus[width];
    load_square(spectrum + 2 * (j * stride + k), stride, minus, plus);
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      store<T>(halves + 2 * (k + l) * half + j, minus[l]);
      store<T>(halves + 2 * (k + l) * half + half + j, plus[l]);
    }
  };
  if (tile(0, stride, first, last, width, square)) return;
  for (int64_t k = 0; k < stride; ++k) {
    for (int64_t j = first; j < last; ++j) {
      const T real = spectrum[2 * (j * stride + k)], imaginary = spectrum[2 * (j * stride + k) + 1];
      halves[2 * k * half + j] = real - imaginary;
      halves[2 * k * half + half + j] = real + imaginary;
    }
  }
}

template <typename T>
void epilogue(const MixBlock& block, int64_t hidden, const T* halves, const MixEpilogue<T>& work) {
  const int64_t half = hidden / 2 + 1;
  const auto row = [&](int64_t k, const T* direct, const T* other) {
    const int64_t token = block.token + k;
    // The sum is built where it will be kept; without that, where the result goes.
    T* place = (work.sum ? work.sum : work.out) + token * hidden;
    if (!work.residual) {
      unfold_row<false, T>(direct, other, nullptr, place, hidden);
      return;
    }
    const T total = unfold_row<true>(direct, other, work.residual + token * hidden, place, hidden);
    if (work.weight) norm_row(work, hidden, token, place, total);
  };
  for (int64_t k = block.begin; k < block.end; ++k) {
    const T *direct = halves + 2 * k * half, *other = direct + half;
    row(k, direct, other);
    if (mirror(k, block.length) != k) row(mirror(k, block.length), other, direct);
  }
}

#define JNRF_INSTANTIATE(T)                                                                  \
  template void fold(const MixBlock&, int64_t, T, const T*, T*);                             \
  template void norm_backward_fold(const MixBlock&, int64_t, T, const NormBackward<T>&, T*); \
  template void combine(const MixBlock&, int64_t, const T*, T*);                             \
  template void spread(int64_t, int64_t, int64_t, int64_t, const T*, T*);                    \
  template void epilogue(const MixBlock&, int64_t, const T*, const MixEpilogue<T>&);
JNRF_INSTANTIATE(float)
JNRF_INSTANTIATE(double)

}  // namespace jnrf::cpu::JNRF_ISA
