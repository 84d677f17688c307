// Rows of numbers as codes for int8 products (product.h).
//
// Included only by files compiled once per instruction set.
#pragma once

#include "int8/lanes.h"
#include "int8/product.h"

namespace jnrf::cpu::JNRF_ISA {

constexpr int64_t padded(int64_t size, int64_t unit) { return (size + unit - 1) / unit * unit; }

// Cuts a call's scratch memory into parts that are aligned to 64 bytes.
class Cutter {
 public:
  // Where a part of so many bytes begins.
  int64_t take(int64_t bytes) {
    const int64_t start = end_;
    end_ = padded(end_ + bytes, 64);
    return start;
  }
  int64_t bytes() const { return end_; }

 private:
  int64_t end_ = 0;
};

// Codes of kLanes numbers of 0 to 255.
[[gnu::always_inline]] inline void store_codes(Code* to, Ints codes) {
  typedef Code Codes __attribute__((vector_size(kLanes * sizeof(Code))));
  store(to, __builtin_convertvector(codes, Codes));
}

// The numbers that a row's codes stand for: low + step * code.
struct RowScale {
  float low, step;
};

// The codes of a row, padded with zeros to `depth`. A row with something in it that is not finite
// has the step NaN, and so has all that is made of it.
inline RowScale encode_row(const float* x, int64_t size, int64_t depth, Code* codes) {
  const int64_t full = size / kLanes * kLanes;
  float low = x[0], high = x[0], zero = 0;
  if (full) {
    Floats lows = load(x), highs = lows, zeros = {};
    for (int64_t i = 0; i < full; i += kLanes) {
      const Floats v = load(x + i);
      lows = smaller(v, lows);
      highs = larger(v, highs);
      zeros += v * 0.0f;
    }
    low = smallest(lows);
    high = largest(highs);
    zero = sum(zeros);
  }
  for (int64_t i = full; i < size; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    zero += x[i] * 0.0f;
  }
  const float range = high - low + zero;
  if (!(range <= kLargest)) {
    std::memset(codes, 0, depth * sizeof(Code));
    return {0.0f, range - range + zero};
  }
  const float factor = range > kSmallest ? 255.0f / range : 0.0f;
  for (int64_t i = 0; i < full; i += kLanes) {
    store_codes(codes + i, __builtin_convertvector((load(x + i) - low) * factor + 0.5f, Ints));
  }
  for (int64_t i = full; i < size; ++i) {
    codes[i] = static_cast<Code>(static_cast<int32_t>((x[i] - low) * factor + 0.5f));
  }
  std::memset(codes + size, 0, (depth - size) * sizeof(Code));
  return {low, range * (1.0f / 255.0f)};
}

}  // namespace jnrf::cpu::JNRF_ISA
