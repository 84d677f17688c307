// The hot loops of the CRF operators: one sequence, probabilities in place of logarithms, all in
// float64. Torch-free. What is too small for them is said in limits.h.
//
// Rows of C numbers take `step` places, a multiple of kCrfLanes; what is beyond C is 0.
#pragma once

#include <cstdint>

#include "core/isa.h"
#include "crf/limits.h"

namespace jnrf::cpu {

inline constexpr int64_t kCrfLanes = 8;

// exp(transitions - shift) and its transpose, exp(start - its largest), exp(end - its largest).
struct CrfFactors {
  int64_t tags, step;
  const double *transitions, *transposed;  // [C, step]
  const double *start, *end;               // [step]
};

struct CrfKernels {
  // alpha[t] = the probabilities of the tags at t given the emissions up to t, each row of sum 1;
  // `log_norm` gets the logarithm of what was divided by. x [length, step] are the exponentials of
  // the emissions. False where a probability is too small.
  bool (*forward)(const CrfFactors& factors, const double* x, int64_t length, double* alpha,
                  double* log_norm);
  // beta[t] is proportional to the likelihood of what follows t, each row of sum 1. Likewise.
  bool (*backward)(const CrfFactors& factors, const double* x, int64_t length, double* beta);
  // sums[i, j] += the probability of the tags i and j at t and t + 1, but for the factor
  // transitions[i, j], for t from begin on: until `end`, or until the products of a step are too
  // small. Returns where it stopped.
  int64_t (*pairs)(const CrfFactors& factors, const double* x, const double* alpha,
                   const double* beta, int64_t begin, int64_t end, double* sums);
  // Viterbi: best[j] = max over i of score[i] + transitions[i, j] (rows of `step`, whose padding is
  // -infinity), and which i, the first of equals.
  void (*best)(const double* score, const double* transitions, int64_t tags, int64_t step,
               double* best, double* which);
};

}  // namespace jnrf::cpu

JNRF_DECLARE_KERNELS(extern const CrfKernels crf_kernels;)

namespace jnrf::cpu {

inline const CrfKernels& crf_kernels() { return *JNRF_PICK_KERNEL(crf_kernels); }

}  // namespace jnrf::cpu
