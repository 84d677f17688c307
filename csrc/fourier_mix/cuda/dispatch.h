// Dispatch of documents on CUDA to the method that mixes them: by the product, in windows by one
// kernel, by columns, or whole by cuFFT.
#pragma once

#include <vector>

#include "device/op.h"
#include "fourier_mix/cuda/launchers.h"

namespace jnrf::cuda {

// The tensor to mix: x [T, H] of `epilogue.type`, or wide, on the device and stream of `on`.
struct Input {
  const OnDevice& on;
  const Tensor& x;
  bool wide;
};

// Of sums and spectra.
torch::headeronly::ScalarType wide_dtype(MixType type);

// Mixes documents, or their windows, with the epilogue.
void mix(const Input& input, std::vector<Document> documents, int64_t window, int64_t shift,
         const MixEpilogue& epilogue);

// The longest pieces that go by the product, before the call; below 0 leaves it.
int64_t exchange_product_limit(int64_t tokens);

}  // namespace jnrf::cuda
