// A small register-blocked matrix product for the relation kernels, in GCC/Clang vector types.
//
// Included only by files compiled once per instruction set; everything is inside the namespace of
// that set, and nothing of the standard library is used, so that no shared inline function is
// ever compiled with instructions that another machine does not have.
#pragma once

#include <cstdint>
#include <cstring>

namespace jnrf::cpu::JNRF_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRows = 14;  // 14 x 2 sums, 2 columns and 1 broadcast: 31 of 32 registers
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kRows = 6;  // 6 x 2 sums, 2 columns and 1 broadcast: 15 of 16 registers
#else
constexpr int kVectorBytes = 16;
constexpr int kRows = 6;
#endif

template <typename T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
  typedef int32_t index __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
  typedef int64_t index __attribute__((vector_size(kVectorBytes)));
};

template <typename T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
// Columns that one panel holds, and the length of the sums between two visits to memory: a panel
// is then 32 KiB or less and stays in the first-level cache.
template <typename T>
constexpr int kPanel = 2 * kLanes<T>;
constexpr int64_t kDepth = 256;

template <typename T>
using Vector = typename VectorOf<T>::type;

template <typename T>
inline Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

template <typename T>
inline void store(T* to, Vector<T> v) {
  std::memcpy(to, &v, sizeof(v));
}

// Lane i of the result is lane index[i] of a followed by b.
template <typename T>
inline Vector<T> shuffle(Vector<T> a, Vector<T> b, typename VectorOf<T>::index index) {
#ifdef __clang__
  Vector<T> result;
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    result[lane] = index[lane] < kLanes<T> ? a[index[lane]] : b[index[lane] - kLanes<T>];
  }
  return result;
#else
  return __builtin_shuffle(a, b, index);
#endif
}

// c[M, panel] (+)= a[M, depth] * panel[depth, panel]; a[m, k] lies at a[m * row_step + k * step].
template <int M, typename T>
void multiply_rows(const T* a, int64_t row_step, int64_t step, const T* panel, int64_t depth, T* c,
                   int64_t c_step, bool accumulate) {
  using V = Vector<T>;
  V left[M], right[M];
  for (int m = 0; m < M; ++m) {
    left[m] = accumulate ? load(c + m * c_step) : V{};
    right[m] = accumulate ? load(c + m * c_step + kLanes<T>) : V{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    const V b0 = load(panel), b1 = load(panel + kLanes<T>);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const V x = a[m * row_step] - V{};  // in every lane; x - 0 is x, also for -0
      left[m] += x * b0;
      right[m] += x * b1;
    }
    panel += kPanel<T>;
    a += step;
  }
  for (int m = 0; m < M; ++m) {
    store(c + m * c_step, left[m]);
    store(c + m * c_step + kLanes<T>, right[m]);
  }
}

// The same for a number of rows known at run time, 1 to M.
template <int M, typename T>
void multiply_some(int64_t rows, const T* a, int64_t row_step, int64_t step, const T* panel,
                   int64_t depth, T* c, int64_t c_step, bool accumulate) {
  if constexpr (M > 0) {
    if (rows == M) {
      multiply_rows<M, T>(a, row_step, step, panel, depth, c, c_step, accumulate);
    } else {
      multiply_some<M - 1, T>(rows, a, row_step, step, panel, depth, c, c_step, accumulate);
    }
  }
}

// panel[k, c] = from[k * step + c], columns beyond `columns` zero.
template <typename T>
inline void pack_rows(const T* from, int64_t step, int64_t depth, int64_t columns, T* panel) {
  for (int64_t k = 0; k < depth; ++k, from += step, panel += kPanel<T>) {
    if (columns >= kPanel<T>) {
      store(panel, load(from));
      store(panel + kLanes<T>, load(from + kLanes<T>));
    } else {
      for (int64_t c = 0; c < kPanel<T>; ++c) panel[c] = c < columns ? from[c] : T(0);
    }
  }
}

// Exchanges the off-diagonal halves of the 2 x 2 blocks of `Half` lanes that two rows are part of.
template <int Half, typename T>
inline void exchange(Vector<T>& a, Vector<T>& b) {
  using Index = typename VectorOf<T>::index;
  Index low, high;
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    low[lane] = lane & Half ? kLanes<T> + lane - Half : lane;
    high[lane] = lane & Half ? kLanes<T> + lane : lane + Half;
  }
  const Vector<T> first = shuffle<T>(a, b, low);
  b = shuffle<T>(a, b, high);
  a = first;
}

// Transposes kLanes rows of kLanes, blocks of half the size within blocks.
template <int Half, typename T>
inline void transpose(Vector<T>* rows) {
  if constexpr (Half > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
      if (!(i & Half)) exchange<Half, T>(rows[i], rows[i + Half]);
    }
    transpose<Half / 2, T>(rows);
  }
}

// panel[k, c] = from[c * step + k], columns beyond `columns` zero.
template <typename T>
inline void pack_columns(const T* from, int64_t step, int64_t depth, int64_t columns, T* panel) {
  constexpr int kSide = kLanes<T>;
  for (int64_t c = 0; c < kPanel<T>; c += kSide) {
    int64_t k = 0;
    for (; k + kSide <= depth; k += kSide) {
      Vector<T> rows[kSide];
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) {
        rows[i] = c + i < columns ? load(from + (c + i) * step + k) : Vector<T>{};
      }
      if (c < columns) transpose<kSide / 2, T>(rows);
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) store(panel + (k + i) * kPanel<T> + c, rows[i]);
    }
    for (; k < depth; ++k) {
      for (int64_t i = c; i < c + kSide; ++i) {
        panel[k * kPanel<T> + i] = i < columns ? from[i * step + k] : T(0);
      }
    }
  }
}

}  // namespace jnrf::cpu::JNRF_ISA
