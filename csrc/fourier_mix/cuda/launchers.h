// Launchers of the kernels of Fourier mixing, on raw device pointers. `stream` is a cudaStream_t.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/packed.h"

namespace jnrf::cuda {

// What a tensor's numbers are. Sums and whatever is kept between kernels are "wide": double for
// kDouble, float for the others.
enum class MixType { kFloat, kDouble, kBfloat16 };

inline size_t wide_size(MixType type) { return type == MixType::kDouble ? 8 : 4; }

// The most features that fit in the shared memory of the current device.
int64_t most_hidden(MixType type);

// Documents as kernels find them: numbers that belong on the device, and what the host knows.
struct PieceTable {
  std::vector<int32_t> numbers;  // of each document: first token, tokens, first row; then units
  int64_t documents = 0;
  int64_t window = 0, shift = 0;
  int64_t share = 1;   // rows k of a block
  int64_t rows = 0;    // of all documents, side by side, each from an even one on
  int64_t pairs = 0;   // rows k of all pieces, each of which stands for the row N - k too
  int64_t blocks = 0;  // of `share` such rows

  // Documents must not be empty. With a window, their pieces are windows.
  PieceTable(const std::vector<Document>& documents, int64_t window, int64_t shift, int64_t share);

  // Where a document's rows begin.
  int64_t row(size_t document) const { return numbers[2 * documents + document]; }
};

// The copy of table.numbers on the device, beside the table.
struct DevicePieces {
  const PieceTable& table;
  const int32_t* numbers;
};

struct MixEpilogue {
  const void* residual;  // [T, H] or null
  void* out;             // [T, H]
  const void* weight;    // [H] or null: no LayerNorm
  const void* bias;      // [H]
  void *sum, *mean, *rstd;
  double eps, scale;
  int64_t hidden;
  MixType type;
  bool wide_residual;  // the residual is wide whatever the rest is
  bool ortho;
};

// The documents' rows of x [T, H], wide and side by side. `wide` says that x is wide already.
void launch_gather_rows(const void* x, MixType type, bool wide, const DevicePieces& pieces,
                        int64_t hidden, void* to, void* stream);

// The epilogue from half spectra of these documents, side by side: complex wide [rows, H/2+1].
void launch_spectrum_epilogue(const MixEpilogue& epilogue, const DevicePieces& pieces,
                              const void* spectra, void* stream);

// The method for long documents: rows over the features by a kernel, then columns by cuFFT in
// place, then the epilogue. Whether it supports so many features:
bool columns_support(int64_t hidden, MixType type);

// Complex columns of a document, complex float [rows, fft_columns].
int64_t fft_columns(int64_t hidden);

// x [T, H] is wide or of epilogue.type; the documents' rows are side by side in `columns`.
void launch_fold_columns(const MixEpilogue& epilogue, const void* x, bool wide,
                         const DevicePieces& pieces, float* columns, void* stream);
void launch_column_epilogue(const MixEpilogue& epilogue, const DevicePieces& pieces,
                            const float* columns, void* stream);

// The method for pieces that are short: a transform of the rows over the features, then a product
// over the tokens with the epilogue. Whether it supports so many features:
bool product_supports(int64_t hidden, MixType type);

// The longest pieces that it supports at all.
inline constexpr int64_t kMostProductTokens = 8192;

// Columns of the folded rows between the two.
int64_t product_columns(int64_t hidden);

// The documents for it, none empty; its share fits them and the device.
PieceTable product_table(const MixEpilogue& epilogue, const std::vector<Document>& documents,
                         int64_t window, int64_t shift);

// x [T, H] is wide or of epilogue.type. Room for folded [pairs, 2, product_columns] and middle
// [pairs] of product_table's pairs.
void launch_mix_product(const MixEpilogue& epilogue, const void* x, bool wide,
                        const DevicePieces& pieces, float* folded, float* middle, void* stream);

// The method for windows that are short: all by one kernel.
bool windows_support(int64_t hidden, int64_t window, MixType type);

PieceTable windows_table(const std::vector<Document>& documents, int64_t window, int64_t shift);

// x [T, H] has the type of the residual: wide with a wide one, else epilogue.type. The pieces are
// those of windows_table.
void launch_mix_windows(const MixEpilogue& epilogue, const void* x, const DevicePieces& pieces,
                        void* stream);

struct MixNormBackward {
  const void* grad;
  const void *sum, *mean, *rstd;
  const void* weight;
  void* grad_sum;
  void* partial;  // wide [norm_parts(tokens), 2, H]
  void *grad_weight, *grad_bias;
  int64_t tokens, hidden;
  MixType type;
};

// Blocks of the backward, each with sums of its own over its tokens. Does not depend on the device,
// so that the sums are the same on all.
int64_t norm_parts(int64_t tokens, int64_t hidden, MixType type);

void launch_norm_backward(const MixNormBackward& work, void* stream);

}  // namespace jnrf::cuda
