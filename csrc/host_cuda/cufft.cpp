// Stands in for cuFFT where the CUDA operators are built for the host: the same calls, the sums of
// the definition, and an error or a sanitizer's finding where cuFFT would go wrong.
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <map>
#include <numbers>
#include <vector>

#include "fourier_mix/cuda/cufft/cufft.h"
#include "host_cuda/execution.h"

namespace jnrf::cuda {
namespace {

using Complex = std::complex<double>;

enum Result { kSuccess, kInvalidPlan = 1, kInvalidValue = 4, kUnaligned = 9, kNoWorkspace = 0xd };

struct Plan {
  long long length = 0, hidden = 0, columns = 0;  // columns: of complex numbers, side by side
  int type = 0;
  size_t workspace = 0;
  void* memory = nullptr;
  bool allocates = true;  // cuFFT does so until told otherwise
};

std::map<int, Plan> plans;
int last = 0;

std::vector<Complex> twiddles(long long length) {
  std::vector<Complex> result(length);
  for (long long i = 0; i < length; ++i) {
    result[i] = std::polar(
        1.0, -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length));
  }
  return result;
}

// What keeps a transform of numbers of `size` bytes from starting; kSuccess where nothing does.
int fault(int handle, const void* from, const void* to, size_t size, int type) {
  const auto found = plans.find(handle);
  if (found == plans.end()) return kInvalidPlan;
  if (found->second.type != type) return kInvalidValue;
  if (reinterpret_cast<uintptr_t>(from) % (2 * size) != 0) return kUnaligned;
  if (reinterpret_cast<uintptr_t>(to) % (2 * size) != 0) return kUnaligned;
  return found->second.memory ? kSuccess : kNoWorkspace;
}

// Notes the call where launches are recorded, as whose own only cuFFT knows them.
bool recorded() {
  if (host::recorder) host::recorder->push_back({nullptr, {1, 1, 1}, 0, 0});
  return host::recorder != nullptr;
}

template <typename T>
int transform(int handle, const T* from, std::complex<T>* to, int type) {
  if (const int wrong = fault(handle, from, to, sizeof(T), type)) return wrong;
  if (recorded()) return kSuccess;
  const Plan& plan = plans.at(handle);
  std::memset(plan.memory, 0xff, plan.workspace);
  const long long length = plan.length, hidden = plan.hidden, half = hidden / 2 + 1;
  const std::vector<Complex> across = twiddles(hidden), along = twiddles(length);
  std::vector<Complex> rows(length * half);
  for (long long n = 0; n < length; ++n) {
    for (long long j = 0; j < half; ++j) {
      Complex sum = 0;
      for (long long h = 0; h < hidden; ++h) {
        sum += static_cast<double>(from[n * hidden + h]) * across[j * h % hidden];
      }
      rows[n * half + j] = sum;
    }
  }
  for (long long k = 0; k < length; ++k) {
    for (long long j = 0; j < half; ++j) {
      Complex sum = 0;
      for (long long n = 0; n < length; ++n) sum += rows[n * half + j] * along[k * n % length];
      to[k * half + j] = std::complex<T>(sum);
    }
  }
  return kSuccess;
}

int transform_columns(int handle, const std::complex<float>* from, std::complex<float>* to,
                      int direction) {
  if (const int wrong = fault(handle, from, to, sizeof(float), kCufftC2C)) return wrong;
  if (direction != kCufftForward) return kInvalidValue;
  if (recorded()) return kSuccess;
  const Plan& plan = plans.at(handle);
  std::memset(plan.memory, 0xff, plan.workspace);
  const std::vector<Complex> along = twiddles(plan.length);
  std::vector<Complex> column(plan.length);
  for (long long c = 0; c < plan.columns; ++c) {
    for (long long n = 0; n < plan.length; ++n) column[n] = from[n * plan.columns + c];
    for (long long k = 0; k < plan.length; ++k) {
      Complex sum = 0;
      for (long long n = 0; n < plan.length; ++n) sum += column[n] * along[k * n % plan.length];
      to[k * plan.columns + c] = std::complex<float>(sum);
    }
  }
  return kSuccess;
}

}  // namespace

const Cufft& cufft() {
  static const Cufft functions{
      [](int* plan) {
        plans[*plan = ++last] = {};
        return int{kSuccess};
      },
      [](int plan, int on) {
        plans.at(plan).allocates = on != 0;
        return int{kSuccess};
      },
      [](int handle, int rank, long long* sizes, long long* in_embed, long long in_stride,
         long long in_distance, long long* out_embed, long long out_stride, long long out_distance,
         int type, long long batch, size_t* bytes) {
        Plan& plan = plans.at(handle);
        const bool columns = rank == 1 && type == kCufftC2C && in_embed && out_embed &&
                             in_stride == batch && out_stride == batch && in_distance == 1 &&
                             out_distance == 1;
        const bool whole = rank == 2 && !in_embed && !out_embed && batch == 1;
        if (plan.allocates || (!columns && !whole)) return int{kInvalidValue};
        plan.length = sizes[0];
        plan.hidden = whole ? sizes[1] : 0;
        plan.columns = whole ? 0 : batch;
        plan.type = type;
        *bytes = plan.workspace = static_cast<size_t>(64 * (1 + plan.length % 5));
        return int{kSuccess};
      },
      [](int plan, void* workspace) {
        plans.at(plan).memory = workspace;
        return int{kSuccess};
      },
      [](int plan, void*) { return int{plans.count(plan) ? kSuccess : kInvalidPlan}; },
      [](int plan, float* from, void* to) {
        return transform(plan, from, static_cast<std::complex<float>*>(to), kCufftR2C);
      },
      [](int plan, void* from, void* to, int direction) {
        return transform_columns(plan, static_cast<std::complex<float>*>(from),
                                 static_cast<std::complex<float>*>(to), direction);
      },
      [](int plan, double* from, void* to) {
        return transform(plan, from, static_cast<std::complex<double>*>(to), kCufftD2Z);
      },
      [](int plan) { return int{plans.erase(plan) ? kSuccess : kInvalidPlan}; },
  };
  return functions;
}

}  // namespace jnrf::cuda
