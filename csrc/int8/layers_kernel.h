// Layers with int8 weights on the CPU.
//
// An output of a layer is sum_k x_k w_k with w_k = scale q_k, q_k in -127..127. Each row of inputs
// becomes codes in 0..255 on the way, x_k = low + step c_k, by its own smallest and largest number.
// So
//   sum_k x_k w_k = step scale sum_k c_k q_k + low offset,   offset = scale sum_k q_k,
// where the sum of products is of small integers, and exact. What the codes lose is at most half a
// 255th of the row's range for each input.
//
// Some rows at a time go through all layers, so that what is between layers stays in the caches.
#pragma once

#include <cstdint>

#include "int8/isa.h"

namespace jnrf::cpu {

enum class Activation : int64_t { kNone, kGelu, kCelu };

struct Int8Layer {
  int64_t in, out;
  const void* weights;  // packed
  const float* scale;   // [out]
  const float* offset;  // [out]
  const float* bias;    // [out]
  Activation activation;
};

struct Int8Work {
  const Int8Layer* layers;
  int64_t count;
  const float* x;            // [rows, in of the first layer]
  float* out;                // [rows, out of the last one]
  const float* residual;     // [rows, out of the last one], added to it, or null
  const float* norm_weight;  // [out of the last one], for a LayerNorm of what goes out, or null
  const float* norm_bias;
  float eps;
};

}  // namespace jnrf::cpu

// clang-format off
JNRF_DECLARE_INT8_KERNELS(
    // The bytes of the packed weights of a layer, and the packing of q[out][in].
    int64_t packed_bytes(int64_t in, int64_t out);
    void pack(const int8_t* q, int64_t in, int64_t out, void* packed);
    // How many rows make the best use of the registers; any number may be given.
    int64_t block_rows();
    // The memory that a call of run_layers needs for so many rows.
    int64_t scratch_bytes(const Int8Work& work, int64_t rows);
    // Rows first..last, with scratch memory aligned to 64 bytes.
    void run_layers(const Int8Work& work, int64_t first, int64_t last, void* scratch);)
// clang-format on
