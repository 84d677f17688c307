#include "fourier_mix/cuda/methods/fft_2d.cuh"

#include "fourier_mix/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

template <int kWidth, typename Wide, typename Residual, typename Out>
auto epilogue_kernel(const Epilogue<Wide, Residual, Out>&) {
  return spectrum_epilogue<kWidth, Wide, Residual, Out>;
}

template <typename Wide, typename Residual, typename Out>
const Wide* wide(const Epilogue<Wide, Residual, Out>&, const void* pointer) {
  return static_cast<const Wide*>(pointer);
}

}  // namespace

void launch_gather_rows(const void* x, MixType type, bool wide, const DevicePieces& pieces,
                        int64_t hidden, void* to, void* stream) {
  constexpr unsigned kThreads = 256;
  const Grid grid{blocks_for(pieces.table.pairs, kThreads / 32)};
  for_type(wide && type == MixType::kBfloat16 ? MixType::kFloat : type, [&](auto kind) {
    using In = typename decltype(kind)::type;
    launch("gather_rows", gather_rows<WideOf<In>, In>, grid, kThreads, 0, stream,
           static_cast<const In*>(x), static_cast<WideOf<In>*>(to), rows_of(pieces, false),
           row_starts(pieces), static_cast<int>(hidden));
  });
}

void launch_spectrum_epilogue(const MixEpilogue& epilogue, const DevicePieces& pieces,
                              const void* spectra, void* stream) {
  const size_t bytes = epilogue.hidden * wide_size(epilogue.type);
  const int64_t warps = epilogue.weight ? warps_with(bytes) : kMostBlockWarps;
  const Grid grid{blocks_for(pieces.table.pairs, warps)};
  for_epilogue(epilogue, [&](const auto& work) {
    for_width(fit_vectors(work), [&](auto width) {
      launch("spectrum_epilogue", epilogue_kernel<decltype(width)::value>(work), grid,
             static_cast<unsigned>(32 * warps), epilogue.weight ? warps * bytes : 0, stream, work,
             rows_of(pieces, false), row_starts(pieces), wide(work, spectra));
    });
  });
}

}  // namespace jnrf::cuda
