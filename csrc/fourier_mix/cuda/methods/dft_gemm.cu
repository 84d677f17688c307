#include "fourier_mix/cuda/methods/dft_gemm.cuh"

#include <algorithm>

#include "fourier_mix/cuda/row_fft/fold_launch.h"

namespace jnrf::cuda {
namespace {

constexpr int64_t kMostFeatures = kMostProductWarps[0] * kWarpColumns * 2;
static_assert(kMostFeatures <= kMostRowFeatures);

int columns_of(int64_t hidden) { return static_cast<int>(product_columns(hidden)); }

size_t product_bytes(int tiles, int64_t hidden) {
  const auto layout = product_layout(tiles, columns_of(hidden), static_cast<int>(hidden));
  return layout.size * sizeof(float);
}

template <int kTiles, int kWidth, typename Residual, typename Out>
void launch_product(const MixProduct<Residual, Out>& work, int64_t blocks, void* stream) {
  launch("mix_product", mix_product<kTiles, kWidth, Residual, Out>,
         Grid{static_cast<unsigned>(blocks)},
         static_cast<unsigned>(32 * (work.columns / kWarpColumns)),
         product_bytes(kTiles, work.epilogue.hidden), stream, work);
}

template <typename Residual, typename Out>
MixProduct<Residual, Out> product_of(const Epilogue<float, Residual, Out>& epilogue,
                                     const DevicePieces& pieces, const float* folded,
                                     const float* middle) {
  return {epilogue, rows_of(pieces, true),      rows_of(pieces, false).units, folded,
          middle,   columns_of(epilogue.hidden)};
}

}  // namespace

bool product_supports(int64_t hidden, MixType type) {
  return type != MixType::kDouble && hidden <= kMostFeatures && row_transform_supports(hidden) &&
         std::max(product_bytes(1, hidden), fold_bytes(hidden)) <= shared_memory_limit();
}

int64_t product_columns(int64_t hidden) {
  return ((hidden + 1) / 2 + kWarpColumns - 1) / kWarpColumns * kWarpColumns;
}

PieceTable product_table(const MixEpilogue& epilogue, const std::vector<Document>& documents,
                         int64_t window, int64_t shift) {
  PieceTable one(documents, window, shift, kTileRows);
  bool vectors = false;
  for_product(epilogue, [&](const auto& work) { vectors = fit_vectors(work); });
  if (!vectors || columns_of(epilogue.hidden) > kMostProductWarps[1] * kWarpColumns ||
      product_bytes(2, epilogue.hidden) > shared_memory_limit()) {
    return one;
  }
  // Two tiles read everything half as often, if that leaves enough blocks and fills them.
  PieceTable two(documents, window, shift, 2 * kTileRows);
  return two.blocks >= 2 * multiprocessors() && 4 * two.blocks <= 3 * one.blocks ? two : one;
}

void launch_mix_product(const MixEpilogue& epilogue, const void* x, bool wide,
                        const DevicePieces& pieces, float* folded, float* middle, void* stream) {
  const int64_t hidden = epilogue.hidden;
  for_input(epilogue.type, wide, [&](auto type) {
    using In = typename decltype(type)::type;
    const FoldRows<In> work{
        static_cast<const In*>(x), folded, middle, rows_of(pieces, false), row_transform(hidden),
        columns_of(hidden)};
    for_width(fit_vectors(hidden, work.x), [&](auto width) {
      launch("fold_rows", fold_rows<decltype(width)::value, In>,
             fold_grid(pieces.table.pairs, hidden), 32 * kFoldWarps, fold_bytes(hidden), stream,
             work);
    });
  });
  for_product(epilogue, [&](const auto& typed_epilogue) {
    const auto work = product_of(typed_epilogue, pieces, folded, middle);
    const int64_t blocks = pieces.table.blocks;
    if (pieces.table.share == 2 * kTileRows) {
      launch_product<2, 4>(work, blocks, stream);
    } else if (fit_vectors(typed_epilogue)) {
      launch_product<1, 4>(work, blocks, stream);
    } else {
      launch_product<1, 1>(work, blocks, stream);
    }
  });
}

}  // namespace jnrf::cuda
