// Cross-entropy of the scores of tiles and its gradient.
#pragma once

#include "relation/cuda/scores.cuh"

namespace jnrf::cuda {

template <typename T>
struct Targets {
  const int64_t* pairs;  // [P, 3]
  const int32_t* order;  // listed pairs tile by tile, or null: none is
  const SumOf<T>* class_weight;
  int none_class;
};

// The listing of each pair of a tile that counts, the last one, or -1; ends with a barrier.
template <int kTile>
__device__ __forceinline__ void find_listings(const RelationPlan& plan, const int64_t* pairs,
                                              const int32_t* order, int tile,
                                              const TilePlace& place, int* listing) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int p = thread; p < kTile * kTile; p += kTileThreads) listing[p] = -1;
  __syncthreads();
  if (order) {
    for (int k = plan.listed[tile] + thread; k < plan.listed[tile + 1]; k += kTileThreads) {
      const int p = order[k];
      const int64_t i = pairs[3 * static_cast<int64_t>(p)] - place.head;
      const int64_t j = pairs[3 * static_cast<int64_t>(p) + 1] - place.tail;
      atomicMax(listing + i * kTile + j, p);
    }
  }
  __syncthreads();
}

struct LossShared {
  double sums[32];
};

// out.sums of a tile: its loss and, where out.gradients is given, the sums for alpha, beta, gamma.
template <typename T, int kTile, bool kKept>
__global__ void __launch_bounds__(kTileThreads, 1)
    loss_of_tiles(Relations<T> in, Targets<T> targets, TileGradients<T> out) {
  using Sum = SumOf<T>;
  using Block = Tile<T, kTile, kKept>;
  constexpr int kPlane = Block::kPlane, kPairs = Block::kPairs;
  Block block(in);
  for_tiles(in.plan, out.first, out.last, [&](int tile, const TilePlace& place) {
    block.load_positions(place);
    block.multiply_all(place);
    int* listing = block.template free_memory<int>();
    find_listings<kTile>(in.plan, targets.pairs, targets.order, tile, place, listing);
    T* gradients = out.gradients ? out.gradients + static_cast<int64_t>(tile - out.first) *
                                                       in.classes * kTile * kTile
                                 : nullptr;
    double total = 0;
    block.for_pairs(place, [&](const auto& pairs) {
      block.add_polynomial(pairs);
      int label[kPairs];
      Sum weight[kPairs], gold[kPairs], top[kPairs], sum[kPairs];
      const auto listed_here = load<kPairs>(listing + pairs.i * kTile + pairs.j);
      const auto first = pairs.get(0);
#pragma unroll
      for (int x = 0; x < kPairs; ++x) {
        const int listed = listed_here.values[x];
        label[x] = listed < 0 ? targets.none_class
                              : static_cast<int>(targets.pairs[3 * int64_t{listed} + 2]);
        weight[x] = targets.class_weight ? targets.class_weight[label[x]] : Sum(1);
        gold[x] = pairs.scores[label[x] * kPlane + x];
        top[x] = first.values[x];
        sum[x] = 0;
      }
      for (int r = 1; r < in.classes; ++r) {
        const auto scores = pairs.get(r);
#pragma unroll
        for (int x = 0; x < kPairs; ++x) {
          top[x] = scores.values[x] > top[x] ? scores.values[x] : top[x];
        }
      }
      for (int r = 0; r < in.classes; ++r) {
        auto numbers = pairs.get(r);
#pragma unroll
        for (int x = 0; x < kPairs; ++x) {
          numbers.values[x] = exponential(numbers.values[x] - top[x]);
          sum[x] += numbers.values[x];
        }
        pairs.set(r, numbers);
      }
#pragma unroll
      for (int x = 0; x < kPairs; ++x) {
        if (pairs.within[x]) {
          total += static_cast<double>(weight[x] * (top[x] - gold[x] + logarithm(sum[x])));
        }
        sum[x] = weight[x] / sum[x];
      }
      for (int r = 0; gradients && r < in.classes; ++r) {
        block.put_gradients(pairs, r, gradients, [&](int x, Sum e) {
          const Sum g = e * sum[x] - (r == label[x] ? weight[x] : Sum(0));
          return pairs.within[x] ? g : Sum(0);
        });
      }
    });
    total = block_sum(total, static_shared<LossShared>().sums);
    double* sums = out.sums + static_cast<int64_t>(tile) * out.fields;
    if (threadIdx.x == 0) sums[0] = total;
    if (gradients) block.sum_coefficients(sums + 1);
  });
}

// ---------------------------------------------------------------- sums of documents

template <typename Sum>
struct DocumentSums {
  const double* sums;    // [tiles, fields]
  int fields;            // with a loss: that first; with coefficients: 3 a class
  Sum* loss;             // [documents] or null
  double* coefficients;  // [documents, 3 * classes] or null
};

inline constexpr int kSumThreads = 256;

// A warp for each field of each document.
template <typename Sum>
__global__ void __launch_bounds__(kSumThreads)
    sum_documents(RelationPlan plan, DocumentSums<Sum> work) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * (kSumThreads / 32) + threadIdx.x / 32;
  if (item >= static_cast<int64_t>(plan.documents) * work.fields) return;
  const auto b = static_cast<int>(item / work.fields), field = static_cast<int>(item % work.fields);
  const int begin = plan.tiles[b], end = plan.tiles[b + 1];
  double total = 0;
  for (int tile = begin + static_cast<int>(threadIdx.x % 32); tile < end; tile += 32) {
    total += work.sums[static_cast<int64_t>(tile) * work.fields + field];
  }
  total = warp_sum(total);
  if (threadIdx.x % 32 != 0) return;
  const int with_loss = work.loss ? 1 : 0;
  if (with_loss && field == 0) {
    const bool fault = plan.report[kFaultyBounds] || plan.report[kFaultyPairs];
    work.loss[b] = fault ? static_cast<Sum>(NAN) : static_cast<Sum>(total);
  } else {
    const int count = work.fields - with_loss;
    work.coefficients[static_cast<int64_t>(b) * count + field - with_loss] = total;
  }
}

}  // namespace jnrf::cuda
