// A register's worth of numbers and the few shuffles that the kernels need, for every instruction
// set by one source. Include it in files compiled once per instruction set only.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace jnrf::cpu::JNRF_ISA {

#ifdef __AVX2__
inline constexpr int kRegisterBytes = 32;
#else
inline constexpr int kRegisterBytes = 16;
#endif

template <typename T>
struct Lanes;
template <>
struct Lanes<float> {
  using Value = float __attribute__((vector_size(kRegisterBytes)));
  using Index = int32_t __attribute__((vector_size(kRegisterBytes)));
};
template <>
struct Lanes<double> {
  using Value = double __attribute__((vector_size(kRegisterBytes)));
  using Index = int64_t __attribute__((vector_size(kRegisterBytes)));
};

template <typename T>
using Vec = typename Lanes<T>::Value;

template <typename T>
inline constexpr int kLanes = kRegisterBytes / sizeof(T);

template <typename T>
[[gnu::always_inline]] inline Vec<T> load(const T* from) {
  Vec<T> value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
[[gnu::always_inline]] inline void store(T* to, const Vec<T>& value) {
  std::memcpy(to, &value, sizeof value);
}

template <typename T>
[[gnu::always_inline]] inline T sum(const Vec<T>& value) {
  T total = 0;
  for (int l = 0; l < kLanes<T>; ++l) total += value[l];
  return total;
}

// Lane l of the result is lane Which(l) of a followed by b.
template <typename T, typename Which, size_t... L>
[[gnu::always_inline]] inline Vec<T> shuffle(const Vec<T>& a, const Vec<T>& b, Which,
                                             std::index_sequence<L...>) {
#ifdef __clang__
  return __builtin_shufflevector(a, b, Which::of(static_cast<int>(L))...);
#else
  using Index = typename Lanes<T>::Index;
  return __builtin_shuffle(a, b, Index{Which::of(static_cast<int>(L))...});
#endif
}

template <typename T, typename Which>
[[gnu::always_inline]] inline Vec<T> shuffle(const Vec<T>& a, const Vec<T>& b, Which which) {
  return shuffle<T>(a, b, which, std::make_index_sequence<kLanes<T>>{});
}

template <int First>
struct EverySecond {
  static constexpr int of(int lane) { return 2 * lane + First; }
};
template <int Width>
struct Backwards {
  static constexpr int of(int lane) { return Width - 1 - lane; }
};
// One step of a transposition: exchange the off-diagonal quarters of 2*Step x 2*Step squares.
template <int Width, int Step>
struct UpperHalf {
  static constexpr int of(int lane) { return lane & Step ? Width + lane - Step : lane; }
};
template <int Width, int Step>
struct LowerHalf {
  static constexpr int of(int lane) { return lane & Step ? Width + lane : lane + Step; }
};

template <typename T>
[[gnu::always_inline]] inline Vec<T> reversed(const Vec<T>& a) {
  return shuffle<T>(a, a, Backwards<kLanes<T>>{});
}

// kLanes complex numbers in memory -> their real and imaginary parts.
template <typename T>
[[gnu::always_inline]] inline void load_complex(const T* from, Vec<T>& real, Vec<T>& imaginary) {
  const Vec<T> a = load(from), b = load(from + kLanes<T>);
  real = shuffle<T>(a, b, EverySecond<0>{});
  imaginary = shuffle<T>(a, b, EverySecond<1>{});
}

template <typename T, int Step = 1>
[[gnu::always_inline]] inline void transpose(Vec<T> (&rows)[kLanes<T>]) {
  constexpr int width = kLanes<T>;
  if constexpr (Step < width) {
#pragma GCC unroll 8
    for (int i = 0; i < width; ++i) {
      if (i & Step) continue;
      const Vec<T> a = rows[i], b = rows[i + Step];
      rows[i] = shuffle<T>(a, b, UpperHalf<width, Step>{});
      rows[i + Step] = shuffle<T>(a, b, LowerHalf<width, Step>{});
    }
    transpose<T, 2 * Step>(rows);
  }
}

}  // namespace jnrf::cpu::JNRF_ISA
