// Scores of tiles to and from the packed order [pairs, classes].
#pragma once

#include "relation/cuda/tile.cuh"

namespace jnrf::cuda {

template <typename T, int kTile, bool kKept>
__global__ void __launch_bounds__(kTileThreads, 1)
    write_scores(Relations<T> in, SumOf<T>* scores, int tiles) {
  Tile<T, kTile, kKept> block(in);
  for_tiles(in.plan, 0, tiles, [&](int, const TilePlace& place) {
    block.load_positions(place);
    block.multiply_all(place);
    block.for_pairs(place, [&](const auto& pairs) { block.add_polynomial(pairs); });
    __syncthreads();
    block.for_packed(
        place, [](SumOf<T> score, int64_t) { return score; },
        [&](SumOf<T>, int64_t at, SumOf<T> score) { scores[at] = score; });
  });
}

// Where a launch leaves the gradients of the scores of tiles [first, last).
template <typename T>
struct TileGradients {
  T* gradients;  // [last - first, classes, kTile, kTile], or null
  double* sums;  // [tiles, fields]
  int fields;
  int first, last;
};

// The packed gradients of tiles, as the products for u and w read them, and their sums.
template <typename T, int kTile, bool kKept>
__global__ void __launch_bounds__(kTileThreads, 1)
    read_gradients(Relations<T> in, const SumOf<T>* grad, int64_t count, TileGradients<T> out) {
  Tile<T, kTile, kKept> block(in);
  for_tiles(in.plan, out.first, out.last, [&](int tile, const TilePlace& place) {
    block.load_positions(place);
    block.for_packed(
        place,
        [&](SumOf<T>, int64_t at) { return at < count ? grad[at] : static_cast<SumOf<T>>(NAN); },
        [](SumOf<T>& score, int64_t, SumOf<T> g) { score = g; });
    __syncthreads();
    T* to = out.gradients + static_cast<int64_t>(tile - out.first) * in.classes * kTile * kTile;
    block.for_pairs(place, [&](const auto& pairs) {
      for (int r = 0; r < in.classes; ++r) {
        block.put_gradients(pairs, r, to,
                            [&](int x, SumOf<T> g) { return pairs.within[x] ? g : SumOf<T>(0); });
      }
    });
    __syncthreads();
    block.sum_coefficients(out.sums + static_cast<int64_t>(tile) * out.fields);
  });
}

}  // namespace jnrf::cuda
