// Where the work of Fourier mixing lies: every piece (a document, or a window of one) of N tokens
// has the N / 2 + 1 rows k = 0..N/2, each of which stands for the row N - k too.
#pragma once

#include "device/device.cuh"

namespace jnrf::cuda {

// Documents on the device, and how their rows are shared out to units (warps or blocks).
struct Pieces {
  const int32_t* first;   // [documents] their first tokens
  const int32_t* length;  // [documents] their tokens, at least one
  const int32_t* units;   // [documents + 1] their first units
  int documents;
  int window;  // tokens of a window, or 0 for whole documents
  int shift;   // by how much the first window is shorter, below window
  int share;   // rows of a unit, all of one piece
};

// What one unit works on.
struct Unit {
  int document;
  int64_t first;    // token of its piece
  int length;       // of the piece
  int row;          // the first of the unit's rows
  int rows_before;  // of the document's earlier pieces
};

// The row N - k of a unit's row k.
__device__ __forceinline__ int mirror_of(const Unit& unit) {
  return unit.row == 0 ? 0 : unit.length - unit.row;
}

__host__ __device__ inline int units_in_piece(int length, int share) {
  return (length / 2 + share) / share;
}

__host__ __device__ inline int units_in_document(int length, int window, int shift, int share) {
  if (window == 0 || length <= window - shift) return units_in_piece(length, share);
  const int rest = length - (window - shift), last = rest % window;
  return units_in_piece(window - shift, share) + rest / window * units_in_piece(window, share) +
         (last ? units_in_piece(last, share) : 0);
}

// The warp's number among all of the launch.
__device__ __forceinline__ int warp_index() {
  return static_cast<int>(blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32);
}

// By whole warps, all lanes with the same index; kAlone: each for itself, with fewer registers.
template <bool kAlone = false>
__device__ __forceinline__ Unit unit_at(const Pieces& pieces, int index) {
  const int document = kAlone ? document_of(pieces.units, pieces.documents, index)
                              : warp_document_of(pieces.units, pieces.documents, index);
  Unit unit{document, pieces.first[document], pieces.length[document],
            index - pieces.units[document], 0};
  if (pieces.window) {
    const int head = min(pieces.window - pieces.shift, unit.length);
    const int units_in_head = units_in_piece(head, pieces.share);
    if (unit.row < units_in_head) {
      unit.length = head;
    } else {
      const int units_each = units_in_piece(pieces.window, pieces.share);
      const int whole = (unit.row - units_in_head) / units_each;  // windows before this one
      const int start = head + whole * pieces.window;
      unit.rows_before = units_in_piece(head, 1) + whole * units_in_piece(pieces.window, 1);
      unit.row = (unit.row - units_in_head) % units_each;
      unit.first += start;
      unit.length = min(pieces.window, unit.length - start);
    }
  }
  unit.row *= pieces.share;
  return unit;
}

}  // namespace jnrf::cuda
