// exp and log written so that the compiler turns a loop over lanes into vector code.
//
// Included only by files compiled once per instruction set (see matrix_tile.h).
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

namespace jnrf::cpu::JNRF_ISA {

inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// exp(x) for x <= 0, within about 1 unit in the last place; 0 below -69. What is left out, less
// than 10^-30, would make subnormal products, which processors multiply a hundred times slower.
inline float exp_lane(float x) {
  const bool vanishes = x < -69.0f;
  x = vanishes ? 0.0f : x;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits of the sum.
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  // The Taylor polynomial on |r| <= ln(2) / 2: the first term left out is below 2^-25 of the sum.
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return vanishes ? 0.0f : p * float_of((bits_of(shifted) << 23) + 0x3f800000u);
}

// log(x) for normal x > 0; not a number for infinity and what is not a number.
inline float log_lane(float x) {
  // x = m * 2^e with m in [2/3, 4/3).
  const uint32_t bits = bits_of(x);
  const int32_t e = static_cast<int32_t>(bits - 0x3f2aaaabu) >> 23;
  const float m = float_of(bits - (static_cast<uint32_t>(e) << 23));
  // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 1/5.
  const float s = (m - 1.0f) / (m + 1.0f);
  const float q = s * s;
  float p = 1.0f / 9.0f;
  p = p * q + 1.0f / 7.0f;
  p = p * q + 1.0f / 5.0f;
  p = p * q + 1.0f / 3.0f;
  p = p * q + 1.0f;
  return static_cast<float>(e) * 0.693147181f + 2.0f * s * p + (x - x);
}

// float64 serves checks and gradcheck, where the C library's accuracy counts more than speed.
inline double exp_lane(double x) { return ::exp(x); }
inline double log_lane(double x) { return ::log(x); }

}  // namespace jnrf::cpu::JNRF_ISA
