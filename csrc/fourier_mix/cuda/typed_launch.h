// What the launchers of Fourier mixing share: from pointers to void to typed arguments of kernels.
#pragma once

#include <algorithm>
#include <type_traits>

#include "device/launch.h"
#include "fourier_mix/cuda/epilogue.cuh"
#include "fourier_mix/cuda/launchers.h"
#include "fourier_mix/cuda/pieces.cuh"

namespace jnrf::cuda {

inline constexpr size_t kBlockShared = 48 * 1024;  // that blocks of several warps keep to
inline constexpr int64_t kMostBlockWarps = 8;

// Warps of a block, each with `bytes` of shared memory.
inline int64_t warps_with(size_t bytes) {
  return std::clamp<int64_t>(static_cast<int64_t>(kBlockShared / std::max<size_t>(bytes, 1)), 1,
                             kMostBlockWarps);
}

template <typename T>
struct Type {
  using type = T;
};

template <typename T>
using WideOf = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Calls run(Type<T>{}) with the type of a tensor's numbers.
template <typename F>
void for_type(MixType type, const F& run) {
  if (type == MixType::kFloat) {
    run(Type<float>{});
  } else if (type == MixType::kDouble) {
    run(Type<double>{});
  } else {
    run(Type<bfloat16>{});
  }
}

template <typename Wide, typename Residual, typename Out>
Finish<Wide, Residual, Out> typed(const MixFinish& finish) {
  return {static_cast<const Residual*>(finish.residual),
          static_cast<Out*>(finish.out),
          static_cast<const Out*>(finish.weight),
          static_cast<const Out*>(finish.bias),
          static_cast<Wide*>(finish.sum),
          static_cast<Wide*>(finish.mean),
          static_cast<Wide*>(finish.rstd),
          static_cast<Wide>(finish.eps),
          static_cast<Wide>(finish.scale),
          static_cast<int>(finish.hidden),
          finish.ortho};
}

template <typename Wide, typename Residual, typename Out>
bool fit_vectors(const Finish<Wide, Residual, Out>& finish) {
  return fit_vectors(finish.hidden, finish.residual, finish.out, finish.weight, finish.bias,
                     finish.sum);
}

// Calls run(finish) with the types of what is finished.
template <typename F>
void for_finish(const MixFinish& finish, const F& run) {
  if (finish.type == MixType::kBfloat16 && finish.wide_residual) {
    run(typed<float, float, bfloat16>(finish));
    return;
  }
  for_type(finish.type, [&](auto type) {
    using T = typename decltype(type)::type;
    run(typed<WideOf<T>, T, T>(finish));
  });
}

// Calls run(finish) with the types of what is finished, which is not float64.
template <typename F>
void for_product(const MixFinish& finish, const F& run) {
  if (finish.type == MixType::kFloat) {
    run(typed<float, float, float>(finish));
  } else if (finish.wide_residual) {
    run(typed<float, float, bfloat16>(finish));
  } else {
    run(typed<float, bfloat16, bfloat16>(finish));
  }
}

// One row k a unit, or a block's share of them.
inline Pieces rows_of(const DevicePieces& pieces, bool blocks) {
  const PieceTable& table = pieces.table;
  const int64_t count = table.documents;
  const int32_t* numbers = pieces.numbers;
  return {numbers,
          numbers + count,
          numbers + 3 * count + (blocks ? count + 1 : 0),
          static_cast<int>(count),
          static_cast<int>(table.window),
          static_cast<int>(table.shift),
          blocks ? static_cast<int>(table.share) : 1};
}

// The first row of each document among the rows of all.
inline const int32_t* row_starts(const DevicePieces& pieces) {
  return pieces.numbers + 2 * pieces.table.documents;
}

}  // namespace jnrf::cuda
