#include "fourier_mix/cuda/methods/fft_2d.cuh"

#include <algorithm>

#include "fourier_mix/cuda/layer_norm_backward.cuh"
#include "fourier_mix/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

constexpr size_t kShared = 48 * 1024;  // that blocks of several warps keep to
constexpr int64_t kMostWarps = 8;
constexpr int64_t kMostParts = 264;

// Warps of a block, each with `bytes` of shared memory.
int64_t warps_with(size_t bytes) {
  return std::clamp<int64_t>(static_cast<int64_t>(kShared / std::max<size_t>(bytes, 1)), 1,
                             kMostWarps);
}

template <int kWidth, typename Wide, typename Residual, typename Out>
auto finisher(const Finish<Wide, Residual, Out>&) {
  return finish_spectra<kWidth, Wide, Residual, Out>;
}

template <typename Wide, typename Residual, typename Out>
const Wide* wide(const Finish<Wide, Residual, Out>&, const void* pointer) {
  return static_cast<const Wide*>(pointer);
}

size_t norm_bytes(int64_t hidden, MixType type) { return 2 * hidden * wide_size(type); }

}  // namespace

int64_t most_hidden(MixType type) {
  return static_cast<int64_t>(shared_memory_limit() / norm_bytes(1, type));
}

PieceTable::PieceTable(const std::vector<Document>& all, int64_t window, int64_t shift,
                       int64_t share)
    : documents(static_cast<int64_t>(all.size())),
      window(window),
      shift(window ? shift % window : 0),
      share(share) {
  numbers.resize(5 * documents + 2);
  int32_t *first = numbers.data(), *length = first + documents, *row = length + documents;
  int32_t *pair = row + documents, *block = pair + documents + 1;
  for (int64_t d = 0; d < documents; ++d) {
    const auto units = [&](int64_t rows) {
      return units_in_document(static_cast<int>(all[d].length), static_cast<int>(window),
                               static_cast<int>(this->shift), static_cast<int>(rows));
    };
    first[d] = static_cast<int32_t>(all[d].first);
    length[d] = static_cast<int32_t>(all[d].length);
    row[d] = static_cast<int32_t>(rows);
    pair[d] = static_cast<int32_t>(pairs);
    block[d] = static_cast<int32_t>(blocks);
    rows += all[d].length + all[d].length % 2;  // so that cuFFT finds even addresses
    pairs += units(1);
    blocks += units(share);
  }
  pair[documents] = static_cast<int32_t>(pairs);
  block[documents] = static_cast<int32_t>(blocks);
}

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

void launch_finish_spectra(const MixFinish& finish, const DevicePieces& pieces, const void* spectra,
                           void* stream) {
  const size_t bytes = finish.hidden * wide_size(finish.type);
  const int64_t warps = finish.weight ? warps_with(bytes) : kMostWarps;
  const Grid grid{blocks_for(pieces.table.pairs, warps)};
  for_finish(finish, [&](const auto& work) {
    for_width(fit_vectors(work), [&](auto width) {
      launch("finish_spectra", finisher<decltype(width)::value>(work), grid,
             static_cast<unsigned>(32 * warps), finish.weight ? warps * bytes : 0, stream, work,
             rows_of(pieces, false), row_starts(pieces), wide(work, spectra));
    });
  });
}

int64_t norm_parts(int64_t tokens, int64_t hidden, MixType type) {
  return std::min<int64_t>(blocks_for(tokens, warps_with(norm_bytes(hidden, type))), kMostParts);
}

void launch_norm_backward(const MixNormBackward& work, void* stream) {
  const size_t bytes = norm_bytes(work.hidden, work.type);
  const int64_t warps = warps_with(bytes), parts = norm_parts(work.tokens, work.hidden, work.type);
  const int hidden = static_cast<int>(work.hidden);
  for_type(work.type, [&](auto type) {
    using T = typename decltype(type)::type;
    using Wide = WideOf<T>;
    const NormBackward<Wide, T> typed{static_cast<const T*>(work.grad),
                                      static_cast<const Wide*>(work.sum),
                                      static_cast<const Wide*>(work.mean),
                                      static_cast<const Wide*>(work.rstd),
                                      static_cast<const T*>(work.weight),
                                      static_cast<Wide*>(work.grad_sum),
                                      static_cast<Wide*>(work.partial),
                                      work.tokens,
                                      hidden};
    const bool vectors = fit_vectors(hidden, typed.grad, typed.sum, typed.weight, typed.grad_sum);
    for_width(vectors, [&](auto width) {
      launch("norm_backward", norm_backward<decltype(width)::value, Wide, T>,
             Grid{static_cast<unsigned>(parts)}, static_cast<unsigned>(32 * warps), warps * bytes,
             stream, typed);
    });
    launch("sum_partials", sum_partials<Wide, T>, Grid{blocks_for(2 * hidden, 32)}, 32 * kSumWarps,
           0, stream, typed.partial, static_cast<int>(parts), hidden,
           static_cast<T*>(work.grad_weight), static_cast<T*>(work.grad_bias));
  });
}

}  // namespace jnrf::cuda
