// Numbers that a thread loads and stores together: up to 16 bytes an access.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Vector {
  T values[kCount];
};

template <int kCount, typename T>
__device__ __forceinline__ Vector<T, kCount> load(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}

template <int kCount, typename T>
__device__ __forceinline__ void store(T* to, const Vector<T, kCount>& numbers) {
  *reinterpret_cast<Vector<T, kCount>*>(to) = numbers;
}

}  // namespace jnrf::cuda
