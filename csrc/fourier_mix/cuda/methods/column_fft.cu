#include "fourier_mix/cuda/methods/column_fft.cuh"

#include <algorithm>

#include "fourier_mix/cuda/row_fft/fold_launch.h"

namespace jnrf::cuda {
namespace {

constexpr int64_t kEpilogueWarps = 8;

size_t epilogue_bytes(int64_t hidden) {
  return kEpilogueWarps * epilogue_places(static_cast<int>(hidden)) * sizeof(float);
}

template <int kWidth, typename Residual, typename Out>
auto epilogue_kernel(const Epilogue<float, Residual, Out>&) {
  return column_epilogue<kWidth, Residual, Out>;
}

}  // namespace

bool columns_support(int64_t hidden, MixType type) {
  return type != MixType::kDouble && hidden <= kMostRowFeatures && row_transform_supports(hidden) &&
         std::max(epilogue_bytes(hidden), fold_bytes(hidden)) <= shared_memory_limit();
}

int64_t fft_columns(int64_t hidden) { return column_pairs(static_cast<int>(hidden)); }

void launch_fold_columns(const MixEpilogue& epilogue, const void* x, bool wide,
                         const DevicePieces& pieces, float* columns, void* stream) {
  const int64_t hidden = epilogue.hidden;
  for_input(epilogue.type, wide, [&](auto type) {
    using In = typename decltype(type)::type;
    const FoldColumns<In> work{static_cast<const In*>(x), columns, row_starts(pieces),
                               rows_of(pieces, false), row_transform(hidden)};
    for_width(fit_vectors(hidden, work.x), [&](auto width) {
      launch("fold_columns", fold_columns<decltype(width)::value, In>,
             fold_grid(pieces.table.pairs, hidden), 32 * kFoldWarps, fold_bytes(hidden), stream,
             work);
    });
  });
}

void launch_column_epilogue(const MixEpilogue& epilogue, const DevicePieces& pieces,
                            const float* columns, void* stream) {
  const Grid grid{blocks_for(pieces.table.pairs, kEpilogueWarps)};
  for_product(epilogue, [&](const auto& work) {
    for_width(fit_vectors(work), [&](auto width) {
      launch("column_epilogue", epilogue_kernel<decltype(width)::value>(work), grid,
             static_cast<unsigned>(32 * kEpilogueWarps), epilogue_bytes(epilogue.hidden), stream,
             work, rows_of(pieces, false), row_starts(pieces),
             reinterpret_cast<const float2*>(columns));
    });
  });
}

}  // namespace jnrf::cuda
