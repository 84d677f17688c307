// Which tiles of head x tail pairs the documents of a batch have, found on the device: bounds there
// need not be known to the host, which only knows how many tiles there can be.
#pragma once

#include "relation/cuda/places.cuh"

namespace jnrf::cuda {

__device__ __forceinline__ bool bounds_hold(const int32_t* bounds, int documents, int64_t rows) {
  bool hold = bounds[0] == 0 && bounds[documents] <= rows;
  for (int b = static_cast<int>(threadIdx.x); b < documents; b += static_cast<int>(blockDim.x)) {
    hold = hold && bounds[b] <= bounds[b + 1];
  }
  return hold;
}

// One block. Bounds that make no sense give no tiles at all and are reported in report[0].
__global__ void __launch_bounds__(kPlanThreads) plan_relations(RelationPlan plan) {
  int64_t* sums = static_shared<PlanShared>().sums;
  const bool hold = bounds_hold(plan.cu_u, plan.documents, plan.rows_u) &&
                    bounds_hold(plan.cu_w, plan.documents, plan.rows_w);
  const bool fault = block_sum(static_cast<int64_t>(!hold), sums) != 0;
  if (threadIdx.x == 0) {
    plan.report[kFaultyBounds] = fault;
    plan.report[kFaultyPairs] = 0;
    plan.report[kFaultyTypeW] = plan.report[kFaultyTypeU] = kNoFaultyRow;
  }
  const int documents = plan.documents, side = plan.tile;
  const auto heads = [&](int64_t b) { return fault ? 0 : plan.cu_w[b + 1] - plan.cu_w[b]; };
  const auto tails = [&](int64_t b) { return fault ? 0 : plan.cu_u[b + 1] - plan.cu_u[b]; };
  const auto tiles = [&](int rows) { return (rows + side - 1) / side; };
  const auto write = [&](int32_t* to, const auto& value) {
    const int64_t total = scan(documents, sums, value, [&](int64_t b, int64_t before) {
      to[b] = static_cast<int32_t>(before);
    });
    if (threadIdx.x == 0) to[documents] = static_cast<int32_t>(total);
  };
  write(plan.tiles, [&](int64_t b) { return tiles(heads(b)) * tiles(tails(b)); });
  write(plan.head_tiles, [&](int64_t b) { return tails(b) > 0 ? tiles(heads(b)) : 0; });
  write(plan.tail_tiles, [&](int64_t b) { return heads(b) > 0 ? tiles(tails(b)) : 0; });
  const int64_t pairs = scan(
      documents, sums,
      [&](int64_t b) { return static_cast<int64_t>(heads(b)) * static_cast<int64_t>(tails(b)); },
      [&](int64_t b, int64_t before) { plan.pairs[b] = before; });
  if (threadIdx.x == 0) {
    plan.pairs[documents] = pairs;
    plan.report[kTiles] = plan.tiles[documents];
  }
  for (int64_t t = threadIdx.x; t < plan.counted_tiles; t += blockDim.x) plan.listed[t] = 0;
}

// ---------------------------------------------------------------- listed pairs, tile by tile

inline constexpr int kPairThreads = 256;

// The tile of each listed pair and its number there (in any order); -1 for those that do not count.
__global__ void __launch_bounds__(kPairThreads)
    locate_pairs(RelationPlan plan, ListedPairs listed) {
  const int64_t p = static_cast<int64_t>(blockIdx.x) * kPairThreads + threadIdx.x;
  if (p >= listed.count) return;
  const int64_t head = listed.pairs[3 * p], tail = listed.pairs[3 * p + 1];
  const int64_t label = listed.pairs[3 * p + 2];
  listed.tile[p] = -1;
  if (head == -1 || tail == -1 || plan.report[kFaultyBounds]) return;
  const int documents = plan.documents;
  bool fits = documents > 0 && label >= 0 && label < listed.classes && head >= 0 && tail >= 0;
  int b = 0;
  if (fits) {
    b = document_of(plan.cu_w, documents, head);
    fits = head >= plan.cu_w[b] && head < plan.cu_w[b + 1] && tail >= plan.cu_u[b] &&
           tail < plan.cu_u[b + 1];
  }
  if (!fits) {
    atomicMax(plan.report + kFaultyPairs, 1);
    return;
  }
  const int columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
  const auto row = static_cast<int>((head - plan.cu_w[b]) / plan.tile);
  const auto column = static_cast<int>((tail - plan.cu_u[b]) / plan.tile);
  const int tile = plan.tiles[b] + row * columns + column;
  listed.tile[p] = tile;
  listed.rank[p] = atomicAdd(plan.listed + tile, 1);
}

// One block: where each tile's listings start, in place of how many it has.
__global__ void __launch_bounds__(kPlanThreads) scan_listed(RelationPlan plan) {
  int64_t* sums = static_shared<PlanShared>().sums;
  const int tiles = plan.tiles[plan.documents];
  const int64_t total = scan(
      tiles, sums, [&](int64_t t) { return plan.listed[t]; },
      [&](int64_t t, int64_t before) { plan.listed[t] = static_cast<int32_t>(before); });
  if (threadIdx.x == 0) plan.listed[tiles] = static_cast<int32_t>(total);
}

__global__ void __launch_bounds__(kPairThreads) sort_pairs(RelationPlan plan, ListedPairs listed) {
  const int64_t p = static_cast<int64_t>(blockIdx.x) * kPairThreads + threadIdx.x;
  if (p >= listed.count || listed.tile[p] < 0) return;
  listed.order[plan.listed[listed.tile[p]] + listed.rank[p]] = static_cast<int32_t>(p);
}

}  // namespace jnrf::cuda
