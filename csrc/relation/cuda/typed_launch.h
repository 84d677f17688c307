// What the launchers of relation kernels share: types and shapes, from run time to templates.
#pragma once

#include <algorithm>

#include "device/launch.h"
#include "relation/cuda/tile.cuh"

namespace jnrf::cuda {

template <typename T, int kSide, bool kInMemory>
struct Kernels {
  using Type = T;
  static constexpr int kTile = kSide;
  static constexpr bool kKept = kInMemory;
};

// Calls f(Kernels<...>{}) for the type of a call and the shape of its tiles. Tiles of 64 take twice
// the room of float in double; only small ones may have their scores in memory.
template <typename F>
void with_tile(RelationType type, const RelationShape& shape, const F& f) {
  const auto of_type = [&](auto zero) {
    using T = decltype(zero);
    if constexpr (sizeof(T) < sizeof(double)) {
      if (shape.tile == 64) return f(Kernels<T, 64, false>{});
    }
    shape.kept_scores ? f(Kernels<T, 32, true>{}) : f(Kernels<T, 32, false>{});
  };
  if (type == RelationType::kDouble) {
    of_type(double{});
  } else if (type == RelationType::kFloat) {
    of_type(float{});
  } else {
    of_type(bfloat16{});
  }
}

template <typename F>
void with_type(RelationType type, const F& f) {
  if (type == RelationType::kDouble) {
    f(double{});
  } else if (type == RelationType::kFloat) {
    f(float{});
  } else {
    f(bfloat16{});
  }
}

inline bool granules_aligned(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % kGranuleBytes == 0;
}

template <typename T>
Relations<T> relations(const RelationCall& call, const RelationRun& run) {
  const auto numbers = [](const void* data) { return static_cast<const SumOf<T>*>(data); };
  const bool aligned = granules_aligned(call.u) && granules_aligned(call.w) &&
                       call.size * sizeof(T) % kGranuleBytes == 0;
  return {static_cast<const T*>(call.u),
          static_cast<const T*>(call.w),
          call.pos_u,
          call.pos_w,
          numbers(call.alpha),
          numbers(call.beta),
          numbers(call.gamma),
          call.classes,
          call.size,
          aligned,
          call.plan,
          static_cast<SumOf<T>*>(run.scores)};
}

inline Grid tile_grid(const RelationRun& run, int64_t tiles) {
  return {static_cast<unsigned>(std::min<int64_t>(run.shape.blocks, tiles))};
}

// Calls work(first, last) for one round of tiles after another.
template <typename F>
void for_rounds(const RelationRun& run, const F& work) {
  for (int64_t first = 0; first < run.tiles; first += run.round) {
    work(static_cast<int>(first), static_cast<int>(std::min(first + run.round, run.tiles)));
  }
}

}  // namespace jnrf::cuda
