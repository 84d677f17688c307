// A register's worth of numbers, and the activations of layers on it, for the int8 kernels.
//
// Included only by files compiled once per instruction set; everything is inside the namespace of
// that set.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace jnrf::cpu::JNRF_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
inline constexpr int kLanes = kVectorBytes / 4;
// Ranges of numbers beyond these are infinite, and none.
inline constexpr float kLargest = 3.4e38f, kSmallest = 1e-30f;

typedef float Floats __attribute__((vector_size(kVectorBytes)));
typedef int32_t Ints __attribute__((vector_size(kVectorBytes)));

[[gnu::always_inline]] inline Floats load(const float* from) {
  Floats value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

[[gnu::always_inline]] inline Ints load(const int32_t* from) {
  Ints value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T, typename V>
[[gnu::always_inline]] inline void store(T* to, const V& value) {
  std::memcpy(to, &value, sizeof value);
}

[[gnu::always_inline]] inline Floats all(float value) { return value - Floats{}; }

[[gnu::always_inline]] inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// Lane l of the result is lane (l + By) % kLanes of the value.
template <int By, typename V, size_t... L>
[[gnu::always_inline]] inline V rotated(const V& value, std::index_sequence<L...>) {
#ifdef __clang__
  return __builtin_shufflevector(value, value, (static_cast<int>(L) + By) % kLanes...);
#else
  return __builtin_shuffle(value, Ints{(static_cast<int>(L) + By) % kLanes...});
#endif
}

// What `join` makes of all lanes: of halves, then of their halves, and so on.
template <int By = kLanes / 2, typename V, typename F>
[[gnu::always_inline]] inline auto over_lanes(V value, const F& join) {
  if constexpr (By == 0) {
    return value[0];
  } else {
    const V other = rotated<By>(value, std::make_index_sequence<kLanes>{});
    return over_lanes<By / 2>(static_cast<V>(join(value, other)), join);
  }
}

template <typename V>
[[gnu::always_inline]] inline auto sum(const V& value) {
  return over_lanes(value, [](const V& a, const V& b) { return a + b; });
}
[[gnu::always_inline]] inline float smallest(Floats value) { return over_lanes(value, smaller); }
[[gnu::always_inline]] inline float largest(Floats value) { return over_lanes(value, larger); }

// The nearest integers of numbers of at most 2^22.
[[gnu::always_inline]] inline Ints rounded(Floats value) {
  // Adding 1.5 * 2^23 leaves the integer in the low bits of the sum.
  const Floats shifted = value + 12582912.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4b400000;
}

// exp(x) for x <= 0, within some units in the last place; 0 below -80.
[[gnu::always_inline]] inline Floats exp_of(Floats x) {
  const Floats bounded = larger(x, all(-80.0f));
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the sum.
  const Floats shifted = bounded * 1.44269504f + 12582912.0f;
  const Floats n = shifted - 12582912.0f;
  const Floats r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3f800000;
  Floats power;
  std::memcpy(&power, &bits, sizeof power);
  return x < -80.0f ? Floats{} : p * power;
}

// 65535 * 2^x for x <= 0, within 0.2, and below 0.01 for x < -23.
[[gnu::always_inline]] inline Floats codes_of_power(Floats x) {
  const Floats bounded = larger(x, all(-24.0f));
  const Floats shifted = bounded + 12582912.0f;
  const Floats r = bounded - (shifted - 12582912.0f);
  // The best polynomial of degree 4 on |r| <= 1/2, within 3e-6 of the power.
  Floats p = r * 627.176636f + 3664.57690f;
  p = p * r + 15744.6162f;
  p = p * r + 45423.7383f;
  p = p * r + 65534.9531f;
  Ints exponent, bits;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  std::memcpy(&bits, &p, sizeof bits);
  bits += exponent << 23;  // what is above the low bits of `shifted` leaves by the shift
  std::memcpy(&p, &bits, sizeof p);
  return p;
}

// x Phi(x), with erf(z) / z by a polynomial of z^2 for |z| <= 3.6, where erf is 1 within 4e-7. The
// absolute error is below 1e-6 for |z| there, and below 3e-7 |x| beyond.
[[gnu::always_inline]] inline Floats gelu(Floats x) {
  constexpr float kMost = 3.6f;
  const Floats z = larger(smaller(x * 0.70710678f, all(kMost)), all(-kMost));
  const Floats t = z * z * (2.0f / (kMost * kMost)) - 1.0f;
  Floats p = t * -0.00079409924f + 0.00248696073f;
  p = p * t - 0.00330355531f;
  p = p * t + 0.00494545093f;
  p = p * t - 0.0111638f;
  p = p * t + 0.0208898243f;
  p = p * t - 0.0327672251f;
  p = p * t + 0.0484475568f;
  p = p * t - 0.0679821f;
  p = p * t + 0.0897821784f;
  p = p * t - 0.113798171f;
  p = p * t + 0.143812954f;
  p = p * t - 0.195490405f;
  p = p * t + 0.392712116f;
  const Floats half = 0.5f * x;
  // What is not a number passes the bounds of z as one, and stays in x.
  return half + half * (z * p);
}

// x above 0, exp(x) - 1 below.
[[gnu::always_inline]] inline Floats celu(Floats x) {
  const Floats below = exp_of(smaller(x, Floats{})) - 1.0f;
  return x > 0.0f ? x : (x == x ? below : x);
}

}  // namespace jnrf::cpu::JNRF_ISA
