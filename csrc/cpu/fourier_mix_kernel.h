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
//   finish   the same again, and y[k,-j] = y[-k,j]      [N, H]
// which is half the work of a real 2-D FFT and a quarter of a complex one. `finish` also adds the
// residual and normalises; `norm_backward_fold` is the LayerNorm's backward with the fold.
//
// Work is cut into blocks of rows n (and their mirrors N-n) by the shape alone, so that sums do
// not depend on the number of threads.
#pragma once

#include <cstdint>

#include "common/isa.h"

namespace jnrf::cpu {

struct MixBlock {
  int64_t token;       // first token of the document
  int64_t length;      // N
  int64_t row;         // first row of the document in the folded batch
  int64_t begin, end;  // rows n of this block, within 0..N/2
  int64_t group;       // documents of equal length form a group, transformed in one call
  int64_t slot;        // place of the document in its group
};

template <typename T>
struct MixFinish {
  const T* const* spectra;  // per group [documents, H/2+1, N/2+1] complex
  const T* residual;        // [T, H] or null
  T* out;                   // [T, H]
  const T* weight;          // [H], or null: no LayerNorm, and what follows is not used
  const T* bias;            // [H]
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

JNRF_DECLARE_KERNELS(template <typename T> void fold(const MixBlock& block, int64_t hidden,
                                                     T factor, const T* x, T* folded);
                     template <typename T>
                     void norm_backward_fold(const MixBlock& block, int64_t hidden, T factor,
                                             const NormBackward<T>& norm, T* folded);
                     template <typename T> void combine(const MixBlock& block, int64_t hidden,
                                                        const T* rows, T* const* columns);
                     template <typename T>
                     void finish(const MixBlock& block, int64_t hidden, const MixFinish<T>& work);)
