// Kernels around the real 2-D FFT of Fourier mixing. No torch header in here.
#pragma once

#include "fourier_mix/cuda/epilogue.cuh"
#include "fourier_mix/cuda/pieces.cuh"

namespace jnrf::cuda {

// Copies the documents' rows to where an FFT may read them: side by side, aligned, and as Wide.
// A warp a row k and the row N - k.
template <typename Wide, typename In>
__global__ void gather_rows(const In* x, Wide* to, Pieces pieces, const int32_t* rows, int hidden) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int index = warp_index();
  if (index >= pieces.units[pieces.documents]) return;
  const Unit unit = unit_at(pieces, index);
  const int64_t begin = rows[unit.document];
  const int mirror = mirror_of(unit);
  for (int other = 0; other < (mirror == unit.row ? 1 : 2); ++other) {
    const int row = other ? mirror : unit.row;
    const In* from = x + (unit.first + row) * hidden;
    for (int j = lane; j < hidden; j += 32) {
      to[(begin + row) * hidden + j] = static_cast<Wide>(from[j]);
    }
  }
}

// The epilogue of documents, from the half of their spectra that a real FFT gives, complex [rows,
// H/2+1]; document d's begins at row rows[d]. The other half follows by Hermitian symmetry: F[k,j]
// = conj F[-k,-j]. A warp a row k and the row N - k, which need the same half rows. Shared memory
// for H numbers a warp.
template <int kWidth, typename Wide, typename Residual, typename Out>
__global__ void __launch_bounds__(256, 2)
    spectrum_epilogue(Epilogue<Wide, Residual, Out> work, Pieces pieces, const int32_t* rows,
                      const Wide* spectra) {
  const int index = warp_index();
  if (index >= pieces.units[pieces.documents]) return;
  const Unit unit = unit_at(pieces, index);
  const int hidden = work.hidden, half = hidden / 2 + 1;
  const Wide* spectrum = spectra + 2 * static_cast<int64_t>(rows[unit.document]) * half;
  const Wide scale = factor(work, unit.length);
  const int mirror = mirror_of(unit);
  Wide* row = dynamic_shared<Wide>() + threadIdx.x / 32 * hidden;
  const auto epilogue = [&](int this_row, int other_row) {
    const Wide* direct = spectrum + 2 * static_cast<int64_t>(this_row) * half;
    const Wide* other = spectrum + 2 * static_cast<int64_t>(other_row) * half;
    row_epilogue<kWidth, true>(work, unit.first + this_row, row, [&](int first) {
      Vector<Wide, kWidth> numbers;
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const int j = first + i;
        numbers.values[i] = scale * (j < half ? direct[2 * j] : other[2 * (hidden - j)]);
      }
      return numbers;
    });
  };
  epilogue(unit.row, mirror);
  if (mirror != unit.row) epilogue(mirror, unit.row);
}

}  // namespace jnrf::cuda
