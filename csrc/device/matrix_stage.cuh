// Matrix products of a block: operands staged in shared memory, products by warps from there.
//
// result[m, n] = sum over k of left[m, k] right[n, k]. "Side" is m or n, "depth" is k; a block
// stages kDepth of k at a time. In memory an operand has either its depth or its side in adjacent
// places. Shared memory holds words: one number, or two bfloat16 that follow each other along k.
#pragma once

#include "device/mma.cuh"

namespace jnrf::cuda {

// How numbers of a type are loaded, staged and summed.
template <typename T>
struct Number;

template <>
struct Number<float> {
  using Sum = float;
  using Word = float;
  using Granule = float4;  // what is loaded at once
  static constexpr int kPerWord = 1;
  template <typename F>
  __device__ static __forceinline__ Granule granule(const F& at) {
    return make_float4(at(0), at(1), at(2), at(3));
  }
};

template <>
struct Number<double> {
  using Sum = double;
  using Word = double;
  using Granule = double2;
  static constexpr int kPerWord = 1;
  template <typename F>
  __device__ static __forceinline__ Granule granule(const F& at) {
    return make_double2(at(0), at(1));
  }
};

template <>
struct Number<bfloat16> {
  using Sum = float;
  using Word = unsigned;
  using Granule = uint4;
  static constexpr int kPerWord = 2;
  template <typename F>
  __device__ static __forceinline__ Granule granule(const F& at) {
    return make_uint4(pack_bf16(at(0), at(1)), pack_bf16(at(2), at(3)), pack_bf16(at(4), at(5)),
                      pack_bf16(at(6), at(7)));
  }
};

template <typename T>
using SumOf = typename Number<T>::Sum;
template <typename T>
using WordOf = typename Number<T>::Word;
template <typename T>
using GranuleOf = typename Number<T>::Granule;

inline constexpr int kGranuleBytes = 16;
template <typename T>
inline constexpr int kPerGranule = kGranuleBytes / static_cast<int>(sizeof(T));

// An operand in memory. Beyond its rows and columns it is 0.
template <typename T>
struct Source {
  const T* data;
  int64_t stride;  // from row to row
  int rows, columns;
  bool aligned;  // every granule of a row starts at a multiple of its size

  __device__ __forceinline__ GranuleOf<T> granule(int row, int column) const {
    const T* at = data + row * stride + column;
    if (aligned && row < rows && column + kPerGranule<T> <= columns) {
      return *reinterpret_cast<const GranuleOf<T>*>(at);
    }
    return Number<T>::granule(
        [&](int k) { return row < rows && column + k < columns ? at[k] : static_cast<T>(0.0f); });
  }
};

// An operand whose depth lies in adjacent places. Granules of a row are swapped around so that
// neither a row nor the granules of eight rows meet in the same banks.
template <typename T, int kSide, int kDepth, int kThreads>
struct DepthStage {
  static constexpr int kWordsDeep = kDepth / Number<T>::kPerWord;
  static constexpr int kGranules = kDepth / kPerGranule<T>;  // of a row
  static constexpr int kBytes = kSide * kGranules * kGranuleBytes;
  static constexpr int kUnits = kSide * kGranules;
  static constexpr int kHeld = (kUnits + kThreads - 1) / kThreads;
  static_assert(kGranules <= 8 && 8 % kGranules == 0);

  struct Held {
    GranuleOf<T> granules[kHeld];
  };

  __device__ static __forceinline__ int place(int row, int granule) {
    return row * kGranules + (granule ^ row / (8 / kGranules) % kGranules);
  }
  // Loads what `from` has from depth `depth` on.
  __device__ static __forceinline__ void fetch(const Source<T>& from, int depth, Held& held) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int unit = static_cast<int>(threadIdx.x) + h * kThreads;
      if (kUnits % kThreads != 0 && unit >= kUnits) break;
      held.granules[h] = from.granule(unit / kGranules, depth + unit % kGranules * kPerGranule<T>);
    }
  }
  __device__ static __forceinline__ void store(const Held& held, WordOf<T>* words) {
    auto* to = reinterpret_cast<GranuleOf<T>*>(words);
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int unit = static_cast<int>(threadIdx.x) + h * kThreads;
      if (kUnits % kThreads != 0 && unit >= kUnits) break;
      to[place(unit / kGranules, unit % kGranules)] = held.granules[h];
    }
  }
  __device__ static __forceinline__ WordOf<T> word(const WordOf<T>* words, int side, int deep) {
    constexpr int kWords = kGranuleBytes / static_cast<int>(sizeof(WordOf<T>));
    return words[place(side, deep / kWords) * kWords + deep % kWords];
  }
};

// The bfloat16 of two granules that follow each other along k, in words: `low` the first four.
__device__ __forceinline__ void interleave(const uint4& even, const uint4& odd, uint4& low,
                                           uint4& high) {
  const auto first = [](unsigned a, unsigned b) { return (a & 0xffffu) | b << 16; };
  const auto second = [](unsigned a, unsigned b) { return a >> 16 | (b & 0xffff0000u); };
  low = make_uint4(first(even.x, odd.x), second(even.x, odd.x), first(even.y, odd.y),
                   second(even.y, odd.y));
  high = make_uint4(first(even.z, odd.z), second(even.z, odd.z), first(even.w, odd.w),
                    second(even.w, odd.w));
}

// An operand whose side lies in adjacent places.
template <typename T, int kSide, int kDepth, int kThreads>
struct SideStage {
  static constexpr int kPerWord = Number<T>::kPerWord;
  static constexpr int kWordsDeep = kDepth / kPerWord;
  static constexpr int kStride = kSide + 8;  // so that eight words along k are in other banks
  static constexpr int kBytes = kWordsDeep * kStride * static_cast<int>(sizeof(WordOf<T>));
  static constexpr int kGranules = kSide / kPerGranule<T>;  // of a row
  static constexpr int kUnits = kWordsDeep * kGranules;
  static constexpr int kHeld = (kUnits + kThreads - 1) / kThreads;

  struct Held {
    GranuleOf<T> granules[kHeld][kPerWord];
  };

  __device__ static __forceinline__ void fetch(const Source<T>& from, int depth, Held& held) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int unit = static_cast<int>(threadIdx.x) + h * kThreads;
      if (kUnits % kThreads != 0 && unit >= kUnits) break;
      const int row = depth + unit / kGranules * kPerWord;
#pragma unroll
      for (int p = 0; p < kPerWord; ++p) {
        held.granules[h][p] = from.granule(row + p, unit % kGranules * kPerGranule<T>);
      }
    }
  }
  __device__ static __forceinline__ void store(const Held& held, WordOf<T>* words) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int unit = static_cast<int>(threadIdx.x) + h * kThreads;
      if (kUnits % kThreads != 0 && unit >= kUnits) break;
      auto* to = reinterpret_cast<GranuleOf<T>*>(words + unit / kGranules * kStride +
                                                 unit % kGranules * kPerGranule<T>);
      if constexpr (kPerWord == 2) {
        interleave(held.granules[h][0], held.granules[h][1], to[0], to[1]);
      } else {
        to[0] = held.granules[h][0];
      }
    }
  }
  __device__ static __forceinline__ WordOf<T> word(const WordOf<T>* words, int side, int deep) {
    return words[deep * kStride + side];
  }
};

// ---------------------------------------------------------------- products of a warp
// d[i][j] += left x right: tiles of 16 x 8 from row `m`, column `n` on, laid out as in mma.cuh,
// over the whole depth of the stages.

template <typename Left, typename Right, int kRows, int kColumns>
__device__ __forceinline__ void multiply(const unsigned* left, const unsigned* right, int m, int n,
                                         float (&d)[kRows][kColumns][4]) {
  const int lane = static_cast<int>(threadIdx.x % 32), g = lane / 4, t = lane % 4;
#pragma unroll
  for (int k = 0; k < Left::kWordsDeep; k += 8) {
    unsigned a[kRows][4], b[kColumns][2];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int x = 0; x < 4; ++x) {
        a[i][x] = Left::word(left, m + 16 * i + g + x % 2 * 8, k + t + x / 2 * 4);
      }
    }
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
#pragma unroll
      for (int x = 0; x < 2; ++x) b[j][x] = Right::word(right, n + 8 * j + g, k + t + x * 4);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int j = 0; j < kColumns; ++j) mma_bf16(d[i][j], a[i], b[j]);
    }
  }
}

// Of the four products of the halves the smallest is left out. Tensor cores cut their sums off, so
// those of a stage are added up outside.
template <typename Left, typename Right, int kRows, int kColumns>
__device__ __forceinline__ void multiply(const float* left, const float* right, int m, int n,
                                         float (&d)[kRows][kColumns][4]) {
  const int lane = static_cast<int>(threadIdx.x % 32), g = lane / 4, t = lane % 4;
  float sums[kRows][kColumns][4] = {};
#pragma unroll 2
  for (int k = 0; k < Left::kWordsDeep; k += 8) {
    unsigned b_high[kColumns][2], b_low[kColumns][2];
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
#pragma unroll
      for (int x = 0; x < 2; ++x) {
        split_tf32(Right::word(right, n + 8 * j + g, k + t + x * 4), b_high[j][x], b_low[j][x]);
      }
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      unsigned a_high[4], a_low[4];
#pragma unroll
      for (int x = 0; x < 4; ++x) {
        split_tf32(Left::word(left, m + 16 * i + g + x % 2 * 8, k + t + x / 2 * 4), a_high[x],
                   a_low[x]);
      }
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        mma_tf32(sums[i][j], a_low, b_high[j]);
        mma_tf32(sums[i][j], a_high, b_low[j]);
        mma_tf32(sums[i][j], a_high, b_high[j]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
#pragma unroll
      for (int x = 0; x < 4; ++x) d[i][j][x] += sums[i][j][x];
    }
  }
}

template <typename Left, typename Right, int kRows, int kColumns>
__device__ __forceinline__ void multiply(const double* left, const double* right, int m, int n,
                                         double (&d)[kRows][kColumns][4]) {
  const int lane = static_cast<int>(threadIdx.x % 32), g = lane / 4, t = lane % 4;
#pragma unroll 4
  for (int k = 0; k < Left::kWordsDeep; ++k) {
    double b[kColumns][2];
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
#pragma unroll
      for (int x = 0; x < 2; ++x) b[j][x] = Right::word(right, n + 8 * j + 2 * t + x, k);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const double first = Left::word(left, m + 16 * i + g, k);
      const double second = Left::word(left, m + 16 * i + g + 8, k);
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
        d[i][j][0] += first * b[j][0];
        d[i][j][1] += first * b[j][1];
        d[i][j][2] += second * b[j][0];
        d[i][j][3] += second * b[j][1];
      }
    }
  }
}

}  // namespace jnrf::cuda
