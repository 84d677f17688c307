// Turns pointers to void into typed arguments of kernels, for all launchers of Fourier mixing.
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
Epilogue<Wide, Residual, Out> typed(const MixEpilogue& epilogue) {
  return {static_cast<const Residual*>(epilogue.residual),
          static_cast<Out*>(epilogue.out),
          static_cast<const Out*>(epilogue.weight),
          static_cast<const Out*>(epilogue.bias),
          static_cast<Wide*>(epilogue.sum),
          static_cast<Wide*>(epilogue.mean),
          static_cast<Wide*>(epilogue.rstd),
          static_cast<Wide>(epilogue.eps),
          static_cast<Wide>(epilogue.scale),
          static_cast<int>(epilogue.hidden),
          epilogue.ortho};
}

template <typename Wide, typename Residual, typename Out>
bool fit_vectors(const Epilogue<Wide, Residual, Out>& epilogue) {
  return fit_vectors(epilogue.hidden, epilogue.residual, epilogue.out, epilogue.weight,
                     epilogue.bias, epilogue.sum);
}

// Calls run(epilogue) with the types of its tensors.
template <typename F>
void for_epilogue(const MixEpilogue& epilogue, const F& run) {
  if (epilogue.type == MixType::kBfloat16 && epilogue.wide_residual) {
    run(typed<float, float, bfloat16>(epilogue));
    return;
  }
  for_type(epilogue.type, [&](auto type) {
    using T = typename decltype(type)::type;
    run(typed<WideOf<T>, T, T>(epilogue));
  });
}

// Calls run(epilogue) with the types of its tensors, which are not float64.
template <typename F>
void for_product(const MixEpilogue& epilogue, const F& run) {
  if (epilogue.type == MixType::kFloat) {
    run(typed<float, float, float>(epilogue));
  } else if (epilogue.wide_residual) {
    run(typed<float, float, bfloat16>(epilogue));
  } else {
    run(typed<float, bfloat16, bfloat16>(epilogue));
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
