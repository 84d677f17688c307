// Products of small matrices by a warp's tensor cores (mma.sync, sm_80 and up).
//
// Fragments are as the PTX manual has them. With g = lane / 4 and t = lane % 4, of d [16, 8]:
//   d = {d[g][2t], d[g][2t+1], d[g+8][2t], d[g+8][2t+1]}
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

__device__ __forceinline__ float as_float(unsigned bits) {
#ifdef JNRF_CUDA_ON_HOST
  return std::bit_cast<float>(bits);
#else
  return __uint_as_float(bits);
#endif
}

__device__ __forceinline__ unsigned as_bits(float value) {
#ifdef JNRF_CUDA_ON_HOST
  return std::bit_cast<unsigned>(value);
#else
  return __float_as_uint(value);
#endif
}

// What the tensor cores read of a register as TF32: no more than 10 bits of mantissa.
__device__ __forceinline__ float read_tf32(unsigned bits) { return as_float(bits & 0xffffe000u); }

// A float as the sum of two that TF32 has, to 22 bits and the sign, each rounded. Four
// instructions; cvt.rna takes four itself, for what is no number. Here that may be lost in `high`,
// but not in `low`, whose bits the tensor cores cut off: it is made larger by about half of what
// they cut.
__device__ __forceinline__ void split_tf32(float value, unsigned& high, unsigned& low) {
  constexpr float kHalfAUnit = 1.00034f;
  high = (as_bits(value) + 0x1000u) & 0xffffe000u;
  low = as_bits((value - as_float(high)) * kHalfAUnit);
}

// Two bfloat16 in a register, the first in the lower half.
__device__ __forceinline__ unsigned pack_bf16(bfloat16 low, bfloat16 high) {
#ifdef JNRF_CUDA_ON_HOST
  return std::bit_cast<uint16_t>(low) | static_cast<unsigned>(std::bit_cast<uint16_t>(high)) << 16;
#else
  return __bfloat16_as_ushort(low) | static_cast<unsigned>(__bfloat16_as_ushort(high)) << 16;
#endif
}

#ifdef JNRF_CUDA_ON_HOST
// What a lane brings to a product.
struct MmaOperands {
  unsigned a[4];
  unsigned b[2];
};
#endif

// d [16, 8] += a [16, 8] b [8, 8], TF32. a = {a[g][t], a[g+8][t], a[g][t+4], a[g+8][t+4]},
// b = {b[t][g], b[t+4][g]}.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
#ifdef JNRF_CUDA_ON_HOST
  const host::Exchange<MmaOperands> all({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
  const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = g, column = 2 * t + i % 2;
    for (unsigned k = 0; k < 8; ++k) {
      const float left = read_tf32(all[4 * row + k % 4].a[2 * (k / 4) + i / 2]);
      const float right = read_tf32(all[4 * column + k % 4].b[k / 4]);
      d[i] += left * right;
    }
  }
#else
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// d [16, 8] += a [16, 16] b [16, 8], bfloat16 in pairs along k. a = {a[g][2t..], a[g+8][2t..],
// a[g][2t+8..], a[g+8][2t+8..]}, b = {b[2t..][g], b[2t+8..][g]}.
__device__ __forceinline__ void mma_bf16(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2]) {
#ifdef JNRF_CUDA_ON_HOST
  const host::Exchange<MmaOperands> all({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}});
  const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const auto half = [](unsigned pair, unsigned k) {
    return std::bit_cast<float>(k % 2 ? pair & 0xffff0000u : pair << 16);
  };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = g, column = 2 * t + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned from = k % 8 / 2;
      d[i] += half(all[4 * row + from].a[2 * (k / 8) + i / 2], k) *
              half(all[4 * column + from].b[k / 8], k);
    }
  }
#else
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

}  // namespace jnrf::cuda
