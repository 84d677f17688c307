// The tiles of a plan, and sums over what a block counts.
#pragma once

#include "device/device.cuh"
#include "relation/cuda/launchers.h"

namespace jnrf::cuda {

inline constexpr int kPlanThreads = 1024;

struct PlanShared {
  int64_t sums[32];
};

// Calls store(i, sum of value(0) to value(i - 1)) for all i below `count`, by a whole block; the
// total, in every thread. `warps` is shared memory for 32 numbers.
template <typename Value, typename Store>
__device__ __forceinline__ int64_t scan(int64_t count, int64_t* warps, const Value& value,
                                        const Store& store) {
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int64_t before = 0;
  for (int64_t first = 0; first < count; first += blockDim.x) {
    const int64_t i = first + threadIdx.x;
    const int64_t mine = i < count ? static_cast<int64_t>(value(i)) : 0;
    int64_t sum = mine;
#pragma unroll
    for (unsigned step = 1; step < 32; step *= 2) {
      const int64_t other = __shfl_up_sync(kAllLanes, sum, step);
      if (lane >= step) sum += other;
    }
    if (lane == 31) warps[warp] = sum;
    __syncthreads();
    int64_t of_warps = 0, all = 0;
    for (unsigned w = 0; w < blockDim.x / 32; ++w) {
      if (w < warp) of_warps += warps[w];
      all += warps[w];
    }
    __syncthreads();
    if (i < count) store(i, before + of_warps + sum - mine);
    before += all;
  }
  return before;
}

// A tile: rows of w, rows of u, all of one document.
struct TilePlace {
  int document;
  int row, column;     // of the tile, among the tiles of its document
  int columns;         // tiles side by side in the document
  int64_t head, tail;  // its first rows
  int heads, tails;
};

// By whole warps, all lanes with the same tile.
__device__ __forceinline__ TilePlace place_of(const RelationPlan& plan, int tile) {
  TilePlace place;
  const int b = warp_document_of(plan.tiles, plan.documents, tile);
  place.document = b;
  place.columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
  const int index = tile - plan.tiles[b];
  place.row = index / place.columns;
  place.column = index % place.columns;
  place.head = plan.cu_w[b] + static_cast<int64_t>(place.row) * plan.tile;
  place.tail = plan.cu_u[b] + static_cast<int64_t>(place.column) * plan.tile;
  place.heads =
      static_cast<int>(min(static_cast<int64_t>(plan.tile), plan.cu_w[b + 1] - place.head));
  place.tails =
      static_cast<int>(min(static_cast<int64_t>(plan.tile), plan.cu_u[b + 1] - place.tail));
  return place;
}

}  // namespace jnrf::cuda
