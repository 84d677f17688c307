// Launchers of the kernels in fourier_mix.cuh, on raw device pointers. `stream` is a cudaStream_t;
// `bfloat16` says that pointers to void are to bfloat16, else to float.
#pragma once

#include <cstdint>

namespace jnrf::cuda {

// Features that fit in the shared memory which every device grants: 2 H numbers of 4 bytes.
inline constexpr int64_t kMostHidden = 6000;
// Blocks of the LayerNorm's backward, each with partial sums of its own; does not depend on the
// device, so that sums are the same on all.
inline constexpr int64_t kMostParts = 528;

struct MixEpilogue {
  const float* spectrum;  // [documents, N, H/2+1] complex
  const void* residual;   // [documents * N, H] or null
  void* out;              // [documents * N, H]
  const void* weight;     // [H] or null
  const void* bias;       // [H]
  float* sum;
  float *mean, *rstd;
  float eps, scale;
  int64_t documents, length, hidden;
  bool bfloat16;
  bool float_residual;  // the residual is float whatever the rest is
};
void launch_mix_epilogue(const MixEpilogue& work, void* stream);

struct MixNormBackward {
  const void* grad;
  const float *sum, *mean, *rstd;
  const void* weight;
  float* grad_sum;
  float* partial;  // [parts, 2, H]
  void *grad_weight, *grad_bias;
  int64_t tokens, hidden, parts;
  bool bfloat16;
};
void launch_norm_backward(const MixNormBackward& work, void* stream);

}  // namespace jnrf::cuda
