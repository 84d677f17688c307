// The pairs whose best class is not none, in the order of heads and tails: counted, then written.
#pragma once

#include "relation/cuda/tile.cuh"

namespace jnrf::cuda {

template <typename T>
struct Decoding {
  int none_class;
  SumOf<T> none_bias;
  const bool* allowed;  // [types, types, classes] or null
  const int64_t *type_w, *type_u;
  int64_t types;
};

// The best tail of a head within a tile.
struct BestTail {
  double probability, distance;
  int64_t tail;
  int32_t label;  // -1: there is none
};

// Whether a tail is a better one than `best`: more probable, of equals nearer, then the earlier.
__device__ __forceinline__ bool better(const BestTail& a, const BestTail& best) {
  if (a.label < 0 || best.label < 0) return a.label >= 0;
  if (a.probability != best.probability) return a.probability > best.probability;
  if (a.distance != best.distance) return a.distance < best.distance;
  return a.tail < best.tail;
}

// The best of a warp's, in every lane.
__device__ __forceinline__ BestTail best_of_warp(BestTail mine) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    const BestTail other{__shfl_xor_sync(kAllLanes, mine.probability, step),
                         __shfl_xor_sync(kAllLanes, mine.distance, step),
                         __shfl_xor_sync(kAllLanes, mine.tail, step),
                         __shfl_xor_sync(kAllLanes, mine.label, step)};
    if (better(other, mine)) mine = other;
  }
  return mine;
}

// Rows of a tile are counted at [tile row, row, tile column], which is the order of the results.
__device__ __forceinline__ int64_t count_index(const RelationPlan& plan, const TilePlace& place,
                                               int i) {
  const int64_t first =
      plan.tiles[place.document] + static_cast<int64_t>(place.row) * place.columns;
  return first * plan.tile + static_cast<int64_t>(i) * place.columns + place.column;
}

// The label of every pair of a tile, -1 for none, and its probability among the scores of class 0.
// Ends with a barrier.
template <typename T, int kTile, bool kKept>
__device__ __forceinline__ void decode_tile(const Relations<T>& in, const Decoding<T>& rules,
                                            Tile<T, kTile, kKept>& block, const TilePlace& place,
                                            int* labels) {
  using Sum = SumOf<T>;
  using Block = Tile<T, kTile, kKept>;
  constexpr int kPlane = Block::kPlane, kPairs = Block::kPairs;
  block.load_positions(place);
  block.multiply_all(place);
  block.for_pairs(place, [&](const auto& pairs) {
    block.add_polynomial(pairs);
    const int none = rules.none_class;
#pragma unroll
    for (int x = 0; x < kPairs; ++x) {
      if (rules.allowed && pairs.within[x]) {
        const int64_t of_head = rules.type_w[place.head + pairs.i];
        const int64_t of_tail = rules.type_u[place.tail + pairs.j + x];
        const bool known =
            of_head >= 0 && of_head < rules.types && of_tail >= 0 && of_tail < rules.types;
        const bool* allowed =
            rules.allowed + (known ? of_head * rules.types + of_tail : 0) * in.classes;
        for (int r = 0; r < in.classes; ++r) {
          if (r == none || (known && allowed[r])) continue;
          pairs.scores[r * kPlane + x] = static_cast<Sum>(-INFINITY);
        }
      }
    }
    Sum top[kPairs], sum[kPairs];
    Vector<int, kPairs> label;
    auto of_none = pairs.get(none);
#pragma unroll
    for (int x = 0; x < kPairs; ++x) {
      top[x] = of_none.values[x] += rules.none_bias;
      label.values[x] = none;
      sum[x] = 0;
    }
    pairs.set(none, of_none);
    for (int r = 0; r < in.classes; ++r) {
      const auto scores = pairs.get(r);
#pragma unroll
      for (int x = 0; x < kPairs; ++x) {
        if (scores.values[x] > top[x]) {
          top[x] = scores.values[x];
          label.values[x] = r;
        }
      }
    }
    for (int r = 0; r < in.classes; ++r) {
      const auto scores = pairs.get(r);
#pragma unroll
      for (int x = 0; x < kPairs; ++x) sum[x] += exponential(scores.values[x] - top[x]);
    }
    typename Block::Numbers probability;
    // A sum is not a number as soon as one of the scores, or the difference of two, is not.
#pragma unroll
    for (int x = 0; x < kPairs; ++x) {
      const bool found = pairs.within[x] && label.values[x] != none && sum[x] == sum[x];
      label.values[x] = found ? label.values[x] : -1;
      probability.values[x] = 1 / sum[x];
    }
    store(labels + pairs.i * kTile + pairs.j, label);
    pairs.set(0, probability);
  });
  __syncthreads();
}

// How many pairs each row of each tile has or, where `best` is given, the best one.
template <typename T, int kTile, bool kKept>
__global__ void __launch_bounds__(kTileThreads, 1)
    count_pairs(Relations<T> in, Decoding<T> rules, int tiles, int32_t* counts, BestTail* best) {
  Tile<T, kTile, kKept> block(in);
  const int lane = static_cast<int>(threadIdx.x % 32);
  for_tiles(in.plan, 0, tiles, [&](int, const TilePlace& place) {
    int* labels = block.template free_memory<int>();
    decode_tile(in, rules, block, place, labels);
    for (int i = static_cast<int>(threadIdx.x / 32); i < place.heads; i += kTileWarps) {
      const int64_t at = count_index(in.plan, place, i);
      int count = 0;
      BestTail mine{0, 0, 0, -1};
      for (int j = lane; j < kTile; j += 32) {
        const int label = labels[i * kTile + j];
        count += __popc(__ballot_sync(kAllLanes, label >= 0));
        if (!best || label < 0) continue;
        const double by = block.distance(i, j);
        const BestTail here{static_cast<double>(block.score(0, i, j)), by < 0 ? -by : by,
                            place.tail + j, label};
        if (better(here, mine)) mine = here;
      }
      if (!best) {
        if (lane == 0) counts[at] = count;
        continue;
      }
      mine = best_of_warp(mine);
      if (lane == 0) best[at] = mine;
    }
  });
}

inline constexpr int kRowsThreads = 256;

// A warp for each head row: how many pairs it has, to begin[row]. Of best tails the best one stays,
// in place of that of the row's first tile.
__global__ void __launch_bounds__(kRowsThreads)
    count_rows(RelationPlan plan, const int32_t* counts, BestTail* best, int64_t* begin) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kRowsThreads / 32) + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (row >= plan.rows_w) return;
  int count = 0;
  if (plan.documents > 0 && row < plan.cu_w[plan.documents] && !plan.report[kFaultyBounds]) {
    const int b = document_of(plan.cu_w, plan.documents, row);
    const auto i = static_cast<int>(row - plan.cu_w[b]);
    TilePlace place;
    place.document = b;
    place.row = i / plan.tile;
    place.column = 0;
    place.columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
    const int64_t at = count_index(plan, place, i % plan.tile);
    int64_t found = place.columns;
    for (int k = lane; k < place.columns; k += 32) {
      if (!best) {
        count += counts[at + k];
      } else if (found == place.columns ? best[at + k].label >= 0
                                        : better(best[at + k], best[at + found])) {
        found = k;
      }
    }
    if (best && place.columns > 0) {
      BestTail mine{0, 0, 0, -1};
      if (found < place.columns) mine = best[at + found];
      mine = best_of_warp(mine);
      count = lane == 0 && mine.label >= 0;
      if (lane == 0) best[at] = mine;
    }
  }
  count = warp_sum(count);
  if (lane == 0) begin[row] = count;
}

// One block: where each row's pairs begin, in place of how many it has.
__global__ void __launch_bounds__(kPlanThreads) scan_rows(int64_t rows, int64_t* begin) {
  int64_t* sums = static_shared<PlanShared>().sums;
  const int64_t total = scan(
      rows, sums, [&](int64_t row) { return begin[row]; },
      [&](int64_t row, int64_t before) { begin[row] = before; });
  if (threadIdx.x == 0) begin[rows] = total;
}

template <typename Sum>
struct Found {
  int64_t *heads, *tails, *classes;
  Sum* probabilities;

  __device__ __forceinline__ void write(int64_t at, int64_t head, int64_t tail, int label,
                                        Sum probability) const {
    heads[at] = head;
    tails[at] = tail;
    classes[at] = label;
    probabilities[at] = probability;
  }
};

// The products once more, of the tiles that have pairs: fewer bytes than keeping what was found.
template <typename T, int kTile, bool kKept>
__global__ void __launch_bounds__(kTileThreads, 1)
    write_pairs(Relations<T> in, Decoding<T> rules, int tiles, const int32_t* counts,
                const int64_t* begin, Found<SumOf<T>> out) {
  Tile<T, kTile, kKept> block(in);
  const int lane = static_cast<int>(threadIdx.x % 32);
  for_tiles(in.plan, 0, tiles, [&](int, const TilePlace& place) {
    int* labels = block.template free_memory<int>();
    int any = 0;
    if (static_cast<int>(threadIdx.x) < place.heads) {
      any = counts[count_index(in.plan, place, static_cast<int>(threadIdx.x))];
    }
    if (block_sum(any, labels) == 0) return;
    decode_tile(in, rules, block, place, labels);
    for (int i = static_cast<int>(threadIdx.x / 32); i < place.heads; i += kTileWarps) {
      const int64_t here = count_index(in.plan, place, i);
      int earlier = 0;
      for (int k = lane; k < place.column; k += 32) earlier += counts[here - place.column + k];
      int64_t next = begin[place.head + i] + warp_sum(earlier);
      for (int j = lane; j < kTile; j += 32) {
        const int label = labels[i * kTile + j];
        const unsigned lanes = __ballot_sync(kAllLanes, label >= 0);
        if (label >= 0) {
          out.write(next + __popc(lanes & ((1u << lane) - 1)), place.head + i, place.tail + j,
                    label, block.score(0, i, j));
        }
        next += __popc(lanes);
      }
    }
  });
}

template <typename Sum>
__global__ void __launch_bounds__(kRowsThreads)
    write_best(RelationPlan plan, const BestTail* best, const int64_t* begin, Found<Sum> out) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsThreads + threadIdx.x;
  if (row >= plan.rows_w || begin[row] == begin[row + 1]) return;
  const int b = document_of(plan.cu_w, plan.documents, row);
  const auto i = static_cast<int>(row - plan.cu_w[b]);
  TilePlace place;
  place.document = b;
  place.row = i / plan.tile;
  place.column = 0;
  place.columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
  const BestTail& found = best[count_index(plan, place, i % plan.tile)];
  out.write(begin[row], row, found.tail, found.label, static_cast<Sum>(found.probability));
}

// The first row with a type that does not exist, to report[kFaultyTypeW], report[kFaultyTypeU].
__global__ void __launch_bounds__(kRowsThreads)
    check_types(RelationPlan plan, const int64_t* type_w, const int64_t* type_u, int64_t types) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsThreads + threadIdx.x;
  if (row < plan.cu_w[plan.documents] && row < plan.rows_w &&
      (type_w[row] < 0 || type_w[row] >= types)) {
    atomicMin(plan.report + kFaultyTypeW, static_cast<int>(row));
  }
  if (row < plan.cu_u[plan.documents] && row < plan.rows_u &&
      (type_u[row] < 0 || type_u[row] >= types)) {
    atomicMin(plan.report + kFaultyTypeU, static_cast<int>(row));
  }
}

}  // namespace jnrf::cuda
