// Launchers of the kernels of CRFs, on raw device pointers. `stream` is a cudaStream_t.
#pragma once

#include <cstdint>

namespace jnrf::cuda {

enum class CrfType { kFloat, kDouble, kBfloat16 };  // of the emissions

struct CrfProblem {
  CrfType type;
  const void* emissions;                  // [T, C]
  const void *transitions, *start, *end;  // float where emissions are bfloat16, else of their type
  const int32_t* bounds;                  // [B + 1]
  int64_t tokens;
  int tags, sequences;
  int64_t longest;  // sequence's length; at least so long where bounds are on the device
};

// Memory for the passes; beta and followed [T, C] are null where only log_norm is wanted. weight
// [T] has what the steps' factors lack until the gradients are made.
struct CrfWorkspace {
  double *alpha, *beta, *followed, *weight;
  double* log_norm;     // [B]
  int32_t* logarithms;  // [B]
};

// alpha, beta and so on; what all others start from.
void launch_crf_passes(const CrfProblem& problem, const CrfWorkspace& work, void* stream);

// loss [B] of the given tags [T].
void launch_crf_loss(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                     void* loss, void* stream);

// In how many shares the sums over pairs are made, at most.
int64_t crf_shares(const CrfProblem& problem);

// The marginals less the given tags, [T, C] of the transitions' type, and those of pairs [B, C, C].
// `shares` [crf_shares, C, C] is memory for the sums.
void launch_crf_gradients(const CrfProblem& problem, const CrfWorkspace& work, const int64_t* gold,
                          double* shares, void* of_emissions, void* of_transitions, void* stream);

// The marginals, [T, C] of the emissions' type.
void launch_crf_marginals(const CrfProblem& problem, const CrfWorkspace& work, void* to,
                          void* stream);

// Into how many chunks the search for the best tags cuts its sequences, at most; 0 where it goes
// step by step.
int64_t crf_chunks(const CrfProblem& problem);

// Memory for that search. `steps` [T, C] has pointers, or paths of chunks; the others are empty
// where there are no chunks.
struct CrfSearchWorkspace {
  uint8_t* steps;
  double *products, *scores;  // [chunks, C, C] and [chunks, C]
  uint8_t* before;            // [chunks, C]
};

// The best tags [T] and their score [B].
void launch_crf_viterbi(const CrfProblem& problem, const CrfSearchWorkspace& work, int64_t* tags,
                        void* scores, void* stream);

}  // namespace jnrf::cuda
