// Products of codes (bytes without sign) and weights (bytes with sign), as each instruction set
// has them: of four bytes at once where there is an instruction for it, else of two 16-bit numbers.
//
// Weights are packed in panels of kPanel outputs: panel[k / kStep][output][k % kStep]. Inputs are
// padded to a multiple of kDepthUnit, with weights of 0.
//
// Included only by files compiled once per instruction set.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "int8/lanes.h"

namespace jnrf::cpu::JNRF_ISA {

#if defined(__AMX_INT8__)
inline constexpr int kTileRows = 32;  // rows that one product takes, whatever is in the last ones
#elif defined(__AVX512F__)
inline constexpr int kTileRows = 14;  // 14 x 2 sums, 2 of weights and 1 of codes: 31 registers
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6;  // 6 x 2 sums, 2 of weights and 1 of codes: 15 registers
#else
inline constexpr int kTileRows = 3;
#endif

#if defined(__AVX512F__)
inline constexpr int kPanel = 32;
#else
inline constexpr int kPanel = 16;
#endif

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
inline constexpr int kStep = 4;
using Code = uint8_t;
using Weight = int8_t;
#else
inline constexpr int kStep = 2;
using Code = int16_t;
using Weight = int16_t;
#endif
#if defined(__AMX_INT8__)
inline constexpr int64_t kDepthUnit = 64;
#else
inline constexpr int64_t kDepthUnit = kStep;
#endif

#if defined(__AMX_INT8__)

// The shapes of the tiles: 0 to 3 sums, 4 and 5 codes, 6 and 7 weights, all 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// The tiles are shaped for as long as this lives, and then as they were: other libraries of the
// process use them too, and may take it that they stay as they left them.
class Tiles {
 public:
  Tiles() {
    _tile_storeconfig(&before_);
    _tile_loadconfig(&kShapes);
  }
  ~Tiles() {
    if (before_.palette) {
      _tile_loadconfig(&before_);
    } else {
      _tile_release();
    }
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

 private:
  static inline const TileShapes kShapes{};
  TileShapes before_;
};

// sums[rows][kPanel] of the products of `rows` <= kTileRows rows of codes and a panel. Sums are
// written, and codes read, for up to kTileRows rows.
inline void multiply(const Code* codes, int64_t depth, int64_t rows, const Weight* panel,
                     int32_t* sums) {
  constexpr int64_t kPanelRow = kPanel * kStep, kSumRow = kPanel * 4;
  _tile_zero(0);
  _tile_zero(1);
  if (rows > 16) {
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < depth; k += 64) {
      const Weight* weights = panel + k * kPanel;
      _tile_loadd(4, codes + k, depth);
      _tile_loadd(6, weights, kPanelRow);
      _tile_loadd(7, weights + 64, kPanelRow);
      _tile_loadd(5, codes + 16 * depth + k, depth);
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    }
    _tile_stored(2, sums + 16 * kPanel, kSumRow);
    _tile_stored(3, sums + 16 * kPanel + 16, kSumRow);
  } else {
    for (int64_t k = 0; k < depth; k += 64) {
      const Weight* weights = panel + k * kPanel;
      _tile_loadd(4, codes + k, depth);
      _tile_loadd(6, weights, kPanelRow);
      _tile_loadd(7, weights + 64, kPanelRow);
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
    }
  }
  _tile_stored(0, sums, kSumRow);
  _tile_stored(1, sums + 16, kSumRow);
}

#else

struct Tiles {};

// The sum of both, which in rows that no one reads may be of anything, and then wraps around.
[[gnu::always_inline]] inline Ints added(Ints a, Ints b) {
  typedef uint32_t Wrapping __attribute__((vector_size(kVectorBytes)));
  return (Ints)((Wrapping)a + (Wrapping)b);
}

// Adds to each lane of `sum` the products of its kStep codes and weights.
[[gnu::always_inline]] inline Ints add_products(Ints sum, Ints codes, Ints weights) {
#if defined(__AVX512VNNI__)
  return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, (__m512i)weights);
#elif defined(__AVXVNNI__)
  return (Ints)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)codes, (__m256i)weights);
#elif defined(__AVX512F__)
  return added(sum, (Ints)_mm512_madd_epi16((__m512i)codes, (__m512i)weights));
#elif defined(__AVX2__)
  return added(sum, (Ints)_mm256_madd_epi16((__m256i)codes, (__m256i)weights));
#elif defined(__SSE2__)
  return added(sum, (Ints)_mm_madd_epi16((__m128i)codes, (__m128i)weights));
#else
  typedef int16_t Shorts __attribute__((vector_size(kVectorBytes)));
  const Shorts a = (Shorts)codes, b = (Shorts)weights;
  for (int l = 0; l < kLanes; ++l) {
    sum[l] += int32_t{a[2 * l]} * b[2 * l] + int32_t{a[2 * l + 1]} * b[2 * l + 1];
  }
  return sum;
#endif
}

// As above, with tiles.
inline void multiply(const Code* codes, int64_t depth, int64_t rows, const Weight* panel,
                     int32_t* sums) {
  constexpr int kVectors = kPanel / kLanes;
  Ints total[kTileRows][kVectors];
  for (auto& row : total) {
    for (Ints& part : row) part = Ints{};
  }
  for (int64_t k = 0; k < depth; k += kStep, panel += kPanel * kStep) {
    Ints weights[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      std::memcpy(&weights[v], panel + v * kLanes * kStep, sizeof(Ints));
#pragma GCC unroll 14
    for (int r = 0; r < kTileRows; ++r) {
      int32_t group;
      std::memcpy(&group, codes + r * depth + k, sizeof group);
      const Ints spread = group - Ints{};
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        total[r][v] = add_products(total[r][v], spread, weights[v]);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(sums + r * kPanel + v * kLanes, total[r][v]);
  }
}

#endif

}  // namespace jnrf::cpu::JNRF_ISA
