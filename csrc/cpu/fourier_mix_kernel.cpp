#include "cpu/fourier_mix_kernel.h"

#include <algorithm>
#include <cmath>

#include "cpu/lanes.h"

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

// place += residual, then its LayerNorm to `out`.
template <typename T>
void norm_row(const MixFinish<T>& work, int64_t hidden, int64_t token, T* place) {
  constexpr int width = kLanes<T>;
  const T* residual = work.residual + token * hidden;
  T* out = work.out + token * hidden;
  const int64_t full = hidden / width * width;
  Vec<T> total = {};
  for (int64_t i = 0; i < full; i += width) {
    const Vec<T> z = load(place + i) + load(residual + i);
    store<T>(place + i, z);
    total += z;
  }
  T mean = sum<T>(total);
  for (int64_t i = full; i < hidden; ++i) mean += place[i] += residual[i];
  mean /= static_cast<T>(hidden);
  Vec<T> square = {};
  for (int64_t i = 0; i < full; i += width) {
    const Vec<T> z = load(place + i) - mean;
    square += z * z;
  }
  T variance = sum<T>(square);
  for (int64_t i = full; i < hidden; ++i) variance += (place[i] - mean) * (place[i] - mean);
  variance /= static_cast<T>(hidden);
  const T rstd = T(1) / std::sqrt(variance + static_cast<T>(work.eps));
  for (int64_t i = 0; i < full; i += width) {
    store<T>(out + i,
             (load(place + i) - mean) * rstd * load(work.weight + i) + load(work.bias + i));
  }
  for (int64_t i = full; i < hidden; ++i) {
    out[i] = (place[i] - mean) * rstd * work.weight[i] + work.bias[i];
  }
  if (work.mean) {
    work.mean[token] = mean;
    work.rstd[token] = rstd;
  }
}

template <typename T>
void add_row(T* place, const T* residual, int64_t hidden) {
  for (int64_t i = 0; i < hidden; ++i) place[i] += residual[i];
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

// The values of y for rows k and -k of the block, without residual.
template <typename T>
void mirror_block(const MixBlock& block, int64_t hidden, const T* spectrum, T* place) {
  constexpr int width = kLanes<T>;
  const int64_t length = block.length, stride = length / 2 + 1, columns = hidden / 2 + 1;
  const auto one = [&](int64_t k, int64_t j) {
    const T real = spectrum[2 * (j * stride + k)], imaginary = spectrum[2 * (j * stride + k) + 1];
    T *here = place + k * hidden, *there = place + mirror(k, length) * hidden;
    there[j] = here[mirror(j, hidden)] = real + imaginary;
    here[j] = there[mirror(j, hidden)] = real - imaginary;
  };
  const auto square = [&](int64_t j, int64_t k) {
    Vec<T> minus[width], plus[width];
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      Vec<T> real, imaginary;
      load_complex(spectrum + 2 * ((j + l) * stride + k), real, imaginary);
      minus[l] = real - imaginary;
      plus[l] = real + imaginary;
    }
    transpose<T>(minus);
    transpose<T>(plus);
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      T *here = place + (k + l) * hidden, *there = place + (length - k - l) * hidden;
      store<T>(there + j, plus[l]);
      store<T>(here + hidden - j - width + 1, reversed<T>(plus[l]));
      store<T>(here + j, minus[l]);
      store<T>(there + hidden - j - width + 1, reversed<T>(minus[l]));
    }
  };
  // Row 0 and column 0 are their own mirrors and stay out of the squares.
  const int64_t first = std::max<int64_t>(block.begin, 1);
  if (block.begin == 0) {
    for (int64_t j = 0; j < columns; ++j) one(0, j);
  }
  for (int64_t k = first; k < block.end; ++k) one(k, 0);
  if (tile(1, columns, first, block.end, width, square)) return;
  for (int64_t j = 1; j < columns; ++j) {
    for (int64_t k = first; k < block.end; ++k) one(k, j);
  }
}

}  // namespace

template <typename T>
void fold(const MixBlock& block, int64_t hidden, T factor, const T* x, T* folded) {
  x += block.token * hidden;
  folded += block.row * hidden;
  for (int64_t n = block.begin; n < block.end; ++n) {
    fold_row(x + mirror(n, block.length) * hidden, x + n * hidden, folded + n * hidden, hidden,
             factor);
  }
}

template <typename T>
void norm_backward_fold(const MixBlock& block, int64_t hidden, T factor,
                        const NormBackward<T>& norm, T* folded) {
  T* grad_sum = norm.grad_sum + block.token * hidden;
  folded += block.row * hidden;
  for (int64_t n = block.begin; n < block.end; ++n) {
    const int64_t there = mirror(n, block.length);
    norm_backward_row(norm, hidden, block.token + n);
    if (there != n) norm_backward_row(norm, hidden, block.token + there);
    fold_row(grad_sum + there * hidden, grad_sum + n * hidden, folded + n * hidden, hidden, factor);
  }
}

template <typename T>
void combine(const MixBlock& block, int64_t hidden, const T* rows, T* const* columns) {
  constexpr int width = kLanes<T>;
  const int64_t length = block.length, stride = hidden / 2 + 1;
  rows += 2 * block.row * stride;
  T* to = columns[block.group] + block.slot * stride * length;
  const auto one = [&](int64_t n, int64_t j) {
    const T real = rows[2 * (n * stride + j)], imaginary = rows[2 * (n * stride + j) + 1];
    to[j * length + mirror(n, length)] = real + imaginary;
    to[j * length + n] = real - imaginary;
  };
  const auto square = [&](int64_t j, int64_t n) {
    Vec<T> minus[width], plus[width];
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      Vec<T> real, imaginary;
      load_complex(rows + 2 * ((n + l) * stride + j), real, imaginary);
      minus[l] = real - imaginary;
      plus[l] = real + imaginary;
    }
    transpose<T>(minus);
    transpose<T>(plus);
#pragma GCC unroll 8
    for (int l = 0; l < width; ++l) {
      T* column = to + (j + l) * length;
      store<T>(column + length - n - width + 1, reversed<T>(plus[l]));
      store<T>(column + n, minus[l]);
    }
  };
  const int64_t first = std::max<int64_t>(block.begin, 1);
  if (block.begin == 0) {
    for (int64_t j = 0; j < stride; ++j) one(0, j);
  }
  if (tile(0, stride, first, block.end, width, square)) return;
  for (int64_t n = first; n < block.end; ++n) {
    for (int64_t j = 0; j < stride; ++j) one(n, j);
  }
}

template <typename T>
void finish(const MixBlock& block, int64_t hidden, const MixFinish<T>& work) {
  const int64_t length = block.length;
  const int64_t size = (hidden / 2 + 1) * (length / 2 + 1);
  // The sum is built where it will be kept; without that, where the result goes.
  T* place = (work.sum ? work.sum : work.out) + block.token * hidden;
  mirror_block(block, hidden, work.spectra[block.group] + 2 * block.slot * size, place);
  if (!work.residual) return;
  const auto row = [&](int64_t k) {
    const int64_t token = block.token + k;
    if (work.weight) {
      norm_row(work, hidden, token, place + k * hidden);
    } else {
      add_row(place + k * hidden, work.residual + token * hidden, hidden);
    }
  };
  for (int64_t k = block.begin; k < block.end; ++k) {
    row(k);
    if (mirror(k, length) != k) row(mirror(k, length));
  }
}

#define JNRF_INSTANTIATE(T)                                                                  \
  template void fold(const MixBlock&, int64_t, T, const T*, T*);                             \
  template void norm_backward_fold(const MixBlock&, int64_t, T, const NormBackward<T>&, T*); \
  template void combine(const MixBlock&, int64_t, const T*, T* const*);                      \
  template void finish(const MixBlock&, int64_t, const MixFinish<T>&);
JNRF_INSTANTIATE(float)
JNRF_INSTANTIATE(double)

}  // namespace jnrf::cpu::JNRF_ISA
