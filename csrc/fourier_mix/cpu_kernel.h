// The passes around the FFTs of Fourier mixing on the CPU.
//
// y[k,j] = Re FFT2(x)[k,j] of a document x[N,H] is a sum of x[n,m] cos(a+b) with a = 2 pi k n / N,
// b = 2 pi j m / H. Written with cas = cos + sin,
//   cos(a+b) = (cas(-a) cas(b) + cas(a) cas(-b)) / 2,
// so y is the separable Hartley transform of v[n,m] = (x[-n,m] + x[n,-m]) / 2 (indices modulo N
// and H). v equals v[-n,-m], hence only its rows 0..N/2 are needed, and of their transform
// only the columns 0..H/2:
//   fold     x -> v, rows 0..N/2                        [N/2+1, H] real
//            (a real FFT of every row)                  [N/2+1, H/2+1] complex
//   combine  Hartley = Re - Im; row -n of column j is
//            row n of column -j = Re + Im; transposed   [H/2+1, N] real
//            (a real FFT of every row)                  [H/2+1, N/2+1] complex
//   spread   the same again, transposed back            [N/2+1, 2, H/2+1] real: y[k,j], y[-k,j]
//   epilogue y[k,-j] = y[-k,j]                          [N, H]
// which is half the work of a real 2-D FFT and a quarter of a complex one. `epilogue` also adds the
// residual and normalises; `norm_backward_fold` is the LayerNorm's backward with the fold.
//
// Work is cut by the shape alone, so that results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace jnrf::cpu {

// Rows n of a document and, by the way, their mirrors N-n.
struct MixBlock {
  int64_t token;       // first token of the document
  int64_t length;      // N
  int64_t begin, end;  // the rows n, within 0..N/2
  int64_t row;         // the document's first row among the folded rows of all documents
  int64_t columns;     // where its columns [H/2+1, N] begin among those of all documents
  int64_t stride;      // from one of these columns to the next
};

template <typename T>
struct MixEpilogue {
  const T* residual;  // [T, H] or null; may be `out` unless it is normalised
  T* out;             // [T, H]
  const T* weight;    // [H], or null: no LayerNorm, and what follows is not used
  const T* bias;      // [H]
  double eps;
  T* sum;          // [T, H] what is normalised, or null
  T *mean, *rstd;  // [T], null with sum
};

template <typename T>
struct NormBackward {
  const T *grad, *sum;         // [T, H]
  const T *mean, *rstd;        // [T]
  const T* weight;             // [H]
  T* grad_sum;                 // [T, H]
  T *grad_weight, *grad_bias;  // [H], added to
};

}  // namespace jnrf::cpu

// `folded`, `rows` begin with the block's first row; `columns`, `halves` with the document's first.
// clang-format off
JNRF_DECLARE_KERNELS(
    template <typename T>
    void fold(const MixBlock& block, int64_t hidden, T factor, const T* x, T* folded);
    template <typename T>
    void norm_backward_fold(const MixBlock& block, int64_t hidden, T factor,
                            const NormBackward<T>& norm, T* folded);
    template <typename T>
    void combine(const MixBlock& block, int64_t hidden, const T* rows, T* columns);
    // The columns first..last of a document; `spectrum` begins with column `first`.
    template <typename T>
    void spread(int64_t length, int64_t hidden, int64_t first, int64_t last, const T* spectrum,
                T* halves);
    template <typename T>
    void epilogue(const MixBlock& block, int64_t hidden, const T* halves,
                  const MixEpilogue<T>& work);)
// clang-format on
