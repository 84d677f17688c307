// From the gradients of the scores of tiles to those of u and w.
#pragma once

#include <type_traits>

#include "device/vectors.cuh"
#include "relation/cuda/tile.cuh"

namespace jnrf::cuda {

template <typename T>
struct GradientWork {
  const T *u, *w;  // [rows, classes, size]
  const T* tiles;  // [last - first, classes, kTile, kTile]
  SumOf<T>*grad_u, *grad_w;
  int classes, size;
  bool aligned;
  int first, last;  // tiles of this round
  RelationPlan plan;
};

// The shape of a block's product: a tile's rows (or columns) x kWide columns of u or w, summed over
// the tile's columns (or rows), kDepth at a time.
template <typename T, int kTile, int kWide>
struct GradientShape {
  static constexpr int kDepth =
      kTile * static_cast<int>(sizeof(T)) <= 128 ? kTile : 128 / static_cast<int>(sizeof(T));
  using OfHeads = DepthStage<T, kTile, kDepth, kTileThreads>;
  using OfTails = SideStage<T, kTile, kDepth, kTileThreads>;
  using Other = SideStage<T, kWide, kDepth, kTileThreads>;
  static constexpr int kLeftBytes =
      OfHeads::kBytes > OfTails::kBytes ? OfHeads::kBytes : OfTails::kBytes;
  static constexpr int kBytes = 2 * (kLeftBytes + Other::kBytes);
  // Blocks that a multiprocessor has registers for. The halves of floats take twice as many.
  static constexpr int kBlocks = std::is_same_v<T, float> ? 1 : 2;
  // What the compiler keeps registers for: the largest spill on sm_86 to sm_89 otherwise, where
  // shared memory has room for one block of them anyway.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ > 800 && __CUDA_ARCH__ < 900
  static constexpr int kBound = kTile * kWide == 64 * 128 ? 1 : kBlocks;
#else
  static constexpr int kBound = kBlocks;
#endif
};

// One result: rows `row` of w (kHeads) or u, `columns` of them within the class, from `column` on.
// The tiles that have a part in it are `begin`, begin + step, ... before `end`; they take other
// rows from `other` on, kTile each. A round that is not the rows' first goes on from what there is,
// so that sums have one order whatever the rounds.
template <typename T>
struct GradientPart {
  int begin, end, step;
  bool first;
  const T* other;
  int other_rows;  // from `other` to the end of the document
  SumOf<T>* to;
  int rows, columns;
};

template <bool kHeads, typename T, int kTile, int kWide>
__device__ __forceinline__ void add_product(const GradientWork<T>& in, int r,
                                            const GradientPart<T>& part) {
  using Shape = GradientShape<T, kTile, kWide>;
  using Left = std::conditional_t<kHeads, typename Shape::OfHeads, typename Shape::OfTails>;
  using Right = typename Shape::Other;
  constexpr int kRows = kTile / 32, kColumns = kWide / 32;  // fragments of a warp
  constexpr int kDepth = Shape::kDepth;
  auto* memory = dynamic_shared<unsigned char>();
  const auto left = [&](int which) {
    return reinterpret_cast<WordOf<T>*>(memory + which * Shape::kLeftBytes);
  };
  const auto right = [&](int which) {
    return reinterpret_cast<WordOf<T>*>(memory + 2 * Shape::kLeftBytes + which * Right::kBytes);
  };
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  const int m = warp / kWarpColumns * kRows * 16, n = warp % kWarpColumns * kColumns * 8;
  const int row = m + lane / 4, column = n + lane % 4 * 2;
  const bool active = m < part.rows && n < part.columns;
  const int64_t stride = static_cast<int64_t>(in.classes) * in.size;

  SumOf<T> d[kRows][kColumns][4] = {};
  const auto for_results = [&](const auto& work) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
#pragma unroll
      for (int x = 0; x < 2; ++x) {
        if (row + 16 * i + 8 * x >= part.rows) continue;
        SumOf<T>* to = part.to + (row + 16 * i + 8 * x) * stride;
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
#pragma unroll
          for (int y = 0; y < 2; ++y) {
            const int at = column + 8 * j + y;
            if (at < part.columns) work(d[i][j][2 * x + y], to[at]);
          }
        }
      }
    }
  };
  if (!part.first) for_results([](SumOf<T>& sum, const SumOf<T>& before) { sum = before; });

  int tile = part.begin, depth = 0;
  const T* other = part.other;
  int other_rows = part.other_rows;
  typename Left::Held held_left;
  typename Right::Held held_right;
  const auto fetch = [&] {
    const T* of_tile =
        in.tiles + (static_cast<int64_t>(tile - in.first) * in.classes + r) * kTile * kTile;
    Left::fetch(Source<T>{of_tile, kTile, kTile, kTile, true}, depth, held_left);
    Right::fetch(Source<T>{other, stride, other_rows, part.columns, in.aligned}, depth, held_right);
  };
  const auto store = [&](int which) {
    Left::store(held_left, left(which));
    Right::store(held_right, right(which));
  };
  fetch();
  store(0);
  __syncthreads();
  for (int which = 0; tile < part.end; which ^= 1) {
    depth += kDepth;
    if (depth >= kTile || depth >= other_rows) {
      depth = 0;
      tile += part.step;
      other += kTile * stride;
      other_rows -= kTile;
    }
    const bool more = tile < part.end;
    if (more) fetch();
    if (active) multiply<Left, Right>(left(which), right(which), m, n, d);
    if (more) store(which ^ 1);
    __syncthreads();
  }
  for_results([](const SumOf<T>& sum, SumOf<T>& to) { to = sum; });
}

// The results that the tiles of a round have a part in: those of the heads, then of the tails, each
// times classes times parts of kWide columns. Neighbouring blocks read the same tiles.
template <typename T, int kTile, int kWide>
__global__ void __launch_bounds__(kTileThreads, GradientShape<T, kTile, kWide>::kBound)
    add_gradients(GradientWork<T> in) {
  const RelationPlan& plan = in.plan;
  const int documents = plan.documents, end = min(in.last, plan.tiles[documents]);
  if (in.first >= end) return;
  const TilePlace from = place_of(plan, in.first), to = place_of(plan, end - 1);
  const int head_begin = plan.head_tiles[from.document] + from.row;
  const int head_tiles = plan.head_tiles[to.document] + to.row + 1 - head_begin;
  const int tail_begin = plan.tail_tiles[from.document];
  const int tail_tiles = plan.tail_tiles[to.document + 1] - tail_begin;
  const int parts = (in.size + kWide - 1) / kWide;
  const int64_t of_tile = static_cast<int64_t>(in.classes) * parts;
  const int64_t row = static_cast<int64_t>(in.classes) * in.size;

  for (int64_t item = blockIdx.x; item < (head_tiles + tail_tiles) * of_tile; item += gridDim.x) {
    int side = static_cast<int>(item / of_tile);
    const int rest = static_cast<int>(item % of_tile), r = rest / parts;
    const int column = rest % parts * kWide;
    const int64_t offset = static_cast<int64_t>(r) * in.size + column;
    GradientPart<T> part;
    part.columns = min(kWide, in.size - column);
    if (side < head_tiles) {
      side += head_begin;
      const int b = warp_document_of(plan.head_tiles, documents, side);
      const int columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
      const int start = plan.tiles[b] + (side - plan.head_tiles[b]) * columns;
      const int64_t head = plan.cu_w[b] + static_cast<int64_t>(side - plan.head_tiles[b]) * kTile;
      part.begin = max(start, in.first);
      part.end = min(start + columns, end);
      part.step = 1;
      part.first = part.begin == start;
      const int64_t tail = plan.cu_u[b] + static_cast<int64_t>(part.begin - start) * kTile;
      part.other = in.u + tail * row + offset;
      part.other_rows = static_cast<int>(plan.cu_u[b + 1] - tail);
      part.to = in.grad_w + head * row + offset;
      part.rows = static_cast<int>(min(static_cast<int64_t>(kTile), plan.cu_w[b + 1] - head));
      add_product<true, T, kTile, kWide>(in, r, part);
    } else {
      side += tail_begin - head_tiles;
      const int b = warp_document_of(plan.tail_tiles, documents, side);
      const int columns = plan.tail_tiles[b + 1] - plan.tail_tiles[b];
      const int start = plan.tiles[b] + side - plan.tail_tiles[b];
      const int64_t tail = plan.cu_u[b] + static_cast<int64_t>(side - plan.tail_tiles[b]) * kTile;
      const int skipped = in.first > start ? (in.first - start + columns - 1) / columns : 0;
      part.begin = start + skipped * columns;
      part.end = min(plan.tiles[b + 1], end);
      part.step = columns;
      part.first = skipped == 0;
      const int64_t head = plan.cu_w[b] + static_cast<int64_t>(skipped) * kTile;
      part.other = in.w + head * row + offset;
      part.other_rows = static_cast<int>(plan.cu_w[b + 1] - head);
      part.to = in.grad_u + tail * row + offset;
      part.rows = static_cast<int>(min(static_cast<int64_t>(kTile), plan.cu_u[b + 1] - tail));
      if (part.begin < part.end) add_product<false, T, kTile, kWide>(in, r, part);
    }
  }
}

// ---------------------------------------------------------------- whole rows

inline constexpr int kRowThreads = 256;

// Zeros in the rows that no tile has: a block for each row of w, then of u.
template <typename Sum>
__global__ void __launch_bounds__(kRowThreads)
    clear_untouched(RelationPlan plan, Sum* grad_u, Sum* grad_w, int64_t numbers) {
  const bool head = blockIdx.x < plan.rows_w;
  const int64_t row = head ? blockIdx.x : blockIdx.x - plan.rows_w;
  const int32_t* bounds = head ? plan.cu_w : plan.cu_u;
  if (plan.documents > 0 && !plan.report[kFaultyBounds] && row < bounds[plan.documents]) {
    const int b = warp_document_of(bounds, plan.documents, row);
    if (plan.tiles[b] < plan.tiles[b + 1]) return;
  }
  Sum* to = (head ? grad_w : grad_u) + row * numbers;
  for (int64_t k = threadIdx.x; k < numbers; k += kRowThreads) to[k] = 0;
}

template <typename T>
struct Scaling {
  const SumOf<T>* factor;      // [documents], or null for 1
  const int32_t *cu_u, *cu_w;  // [documents + 1]
  int documents;
  int64_t rows_u, rows_w, numbers;  // of a row
  const SumOf<T>*from_u, *from_w;
  T *to_u, *to_w;
  const double* from_coefficients;  // [documents, fields]
  SumOf<T>* to_coefficients;        // [fields]
};

struct ScaleShared {
  double sums[32];
};

// A block for each row of w, then of u, then for each field of the coefficients. kWidth numbers at
// a time.
template <int kWidth, typename T>
__global__ void __launch_bounds__(kRowThreads) scale_gradients(Scaling<T> in) {
  using Sum = SumOf<T>;
  const int64_t block = blockIdx.x, rows = in.rows_w + in.rows_u;
  if (block >= rows) {
    const int64_t field = block - rows, fields = gridDim.x - rows;
    double total = 0;
    for (int64_t b = threadIdx.x; b < in.documents; b += kRowThreads) {
      const double of_document = in.from_coefficients[b * fields + field];
      total += in.factor ? static_cast<double>(in.factor[b]) * of_document : of_document;
    }
    total = block_sum(total, static_shared<ScaleShared>().sums);
    if (threadIdx.x == 0) in.to_coefficients[field] = static_cast<Sum>(total);
    return;
  }
  const bool head = block < in.rows_w;
  const int64_t row = head ? block : block - in.rows_w;
  const int32_t* bounds = head ? in.cu_w : in.cu_u;
  const Sum* __restrict__ from = (head ? in.from_w : in.from_u) + row * in.numbers;
  T* __restrict__ to = (head ? in.to_w : in.to_u) + row * in.numbers;
  if (in.documents == 0 || row >= bounds[in.documents]) {
    for (int64_t k = threadIdx.x; k < in.numbers; k += kRowThreads) to[k] = static_cast<T>(0.0f);
    return;
  }
  const Sum factor = in.factor ? in.factor[warp_document_of(bounds, in.documents, row)] : Sum(1);
#pragma unroll 4
  for (int64_t k = threadIdx.x; k < in.numbers / kWidth; k += kRowThreads) {
    const auto numbers = load<kWidth>(from + k * kWidth);
    Vector<T, kWidth> scaled;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) scaled.values[i] = static_cast<T>(factor * numbers.values[i]);
    store(to + k * kWidth, scaled);
  }
}

}  // namespace jnrf::cuda
