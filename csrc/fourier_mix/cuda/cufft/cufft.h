// The few functions of cuFFT that Fourier mixing calls. The library is the one that torch has
// loaded, found when it is first needed: nothing of ours is linked with it.
#pragma once

#include <cstddef>

namespace jnrf::cuda {

// As cufft.h declares them; results are cufftResult, streams cudaStream_t, types cufftType.
struct Cufft {
  int (*create)(int* plan);
  int (*set_auto_allocation)(int plan, int on);
  int (*make_plan)(int plan, int rank, long long* sizes, long long* in_embed, long long in_stride,
                   long long in_distance, long long* out_embed, long long out_stride,
                   long long out_distance, int type, long long batch, size_t* workspace);
  int (*set_work_area)(int plan, void* workspace);
  int (*set_stream)(int plan, void* stream);
  int (*exec_r2c)(int plan, float* from, void* to);
  int (*exec_c2c)(int plan, void* from, void* to, int direction);
  int (*exec_d2z)(int plan, double* from, void* to);
  int (*destroy)(int plan);
};

inline constexpr int kCufftForward = -1;
inline constexpr int kCufftC2C = 0x29;
inline constexpr int kCufftR2C = 0x2a;
inline constexpr int kCufftD2Z = 0x6a;

// Throws where the library cannot be loaded.
const Cufft& cufft();

}  // namespace jnrf::cuda
