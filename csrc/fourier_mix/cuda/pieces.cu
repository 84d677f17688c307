#include "fourier_mix/cuda/pieces.cuh"

#include "fourier_mix/cuda/launchers.h"

namespace jnrf::cuda {

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

}  // namespace jnrf::cuda
