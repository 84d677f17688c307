#include "fourier_mix/cuda/methods/window.cuh"

#include <algorithm>

#include "fourier_mix/cuda/row_fft/plan.h"
#include "fourier_mix/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

// Warps of a block, as far as whole windows fill them.
constexpr int64_t kWarps = 4;

struct WindowBlock {
  int64_t slots, windows;  // warps of a window, windows of a block

  explicit WindowBlock(int64_t window)
      : slots((window + 1) / 2), windows(std::max<int64_t>(kWarps / slots, 1)) {}
  int64_t warps() const { return slots * windows; }
  size_t bytes(int64_t hidden) const {
    const int64_t rows = 2 * warps() * row_places(row_transform(hidden));
    return (hidden + rows + windows * window_roots(static_cast<int>(slots))) * sizeof(float2);
  }
};

template <typename Residual, typename Out>
MixWindows<Residual, Out> windows_of(const Epilogue<float, Residual, Out>& epilogue, const void* x,
                                     const DevicePieces& pieces, int slots) {
  return {epilogue, static_cast<const Residual*>(x), rows_of(pieces, true),
          row_transform(epilogue.hidden), slots};
}

template <int kWidth, typename Residual, typename Out>
auto kernel_for(const MixWindows<Residual, Out>&) {
  return mix_windows<kWidth, Residual, Out>;
}

}  // namespace

bool windows_support(int64_t hidden, int64_t window, MixType type) {
  return window > 0 && window <= kMostWindow && product_supports(hidden, type) &&
         WindowBlock(window).bytes(hidden) <= shared_memory_limit();
}

PieceTable windows_table(const std::vector<Document>& documents, int64_t window, int64_t shift) {
  return {documents, window, shift, kMostWindow};
}

void launch_mix_windows(const MixEpilogue& epilogue, const void* x, const DevicePieces& pieces,
                        void* stream) {
  const WindowBlock block(pieces.table.window);
  const size_t bytes = block.bytes(epilogue.hidden);
  const Grid grid{blocks_for(pieces.table.blocks, block.windows)};
  for_product(epilogue, [&](const auto& typed_epilogue) {
    const auto work = windows_of(typed_epilogue, x, pieces, static_cast<int>(block.slots));
    for_width(fit_vectors(typed_epilogue) && fit_vectors(epilogue.hidden, work.x), [&](auto width) {
      launch("mix_windows", kernel_for<decltype(width)::value>(work), grid,
             static_cast<unsigned>(32 * block.warps()), bytes, stream, work);
    });
  });
}

}  // namespace jnrf::cuda
