// The hot loops of relation_scores, relation_loss and relation_decode: what they work on and what
// the compiled instruction sets offer. Torch-free.
//
// All three walk over *tiles*: a rectangle of the heads x tails of one document. The scores of a
// tile lie class-major, scores[r][i][j], so that the loop over tails is the vector loop and the
// classes of a pair meet in registers.
#pragma once

#include <cstdint>

#include "core/isa.h"

namespace jnrf::cpu {

template <typename T>
struct RelationTile {
  const T* w;           // the first head row of the tile: [heads, classes, size]
  const T* u;           // the first tail row: [tails, classes, size]
  const double* pos_w;  // token positions; exact in double up to 2^53
  const double* pos_u;  // readable up to a panel beyond the last tail
  const T* alpha;       // [classes] each
  const T* beta;
  const T* gamma;
  int64_t heads, tails, classes, size;
  T* scores;     // [classes, heads, step]
  int64_t step;  // tails, rounded up to whole panels
};

// The listed pairs of a document in the order of their head, then tail, then listing.
struct ListedPair {
  int64_t tail;  // row in u
  int64_t label;
};

template <typename T>
struct RelationTargets {
  const int64_t* begin;  // pairs of the tile's head i: begin[i] to begin[i + 1]
  const ListedPair* pairs;
  int64_t first_tail;  // row in u of the tile's first tail
  int64_t none_class;
  const T* class_weight;  // [classes] or null
};

// What is allowed for a pair, and what "none" starts with.
template <typename T>
struct DecodeRule {
  int64_t none_class;
  T none_bias;
  const bool* allowed;  // [types, types, classes] or null: everything
  int64_t types;
  const int64_t* type_w;  // of the tile's first head and tail
  const int64_t* type_u;
};

// Kernels of one instruction set. `column` is the first tail of a panel; head rows go from
// row_begin (a multiple of row_block) to row_end.
template <typename T>
struct RelationKernels {
  int64_t panel;      // tails a panel
  int64_t row_block;  // head rows a register block

  // Scores of a panel: dot products plus the polynomial of the distance.
  void (*scores)(const RelationTile<T>&, int64_t column, int64_t row_begin, int64_t row_end);

  // Cross-entropy of a panel. loss[k] gets the sum over row block k (counted from row_begin), at
  // loss[k * stride]; with `gradient` the scores become their gradient.
  void (*loss)(const RelationTile<T>&, const RelationTargets<T>&, int64_t column, int64_t row_begin,
               int64_t row_end, bool gradient, double* loss, int64_t stride);

  // With gradients in place of the scores: sums[k * stride + {0, R, 2R} + r] gets the sums of
  // gradient * {d^2, d, 1} over row block k of the panel.
  void (*coefficients)(const RelationTile<T>&, int64_t column, int64_t row_begin, int64_t row_end,
                       double* sums, int64_t stride);

  // With gradients in place of the scores: the gradient of w (at the tile's first head) or of u,
  // for class r and the columns d_begin to d_end of the projection; d_begin is a multiple of panel.
  void (*grad_w)(const RelationTile<T>&, int64_t r, int64_t d_begin, int64_t d_end, bool add,
                 T* grad);
  void (*grad_u)(const RelationTile<T>&, int64_t r, int64_t d_begin, int64_t d_end, bool add,
                 T* grad);

  // Best class of each pair of a panel into best[i * step + j]; its probability takes the place of
  // the score of class 0. A pair with a score that is not a number gets none_class.
  void (*decode)(const RelationTile<T>&, const DecodeRule<T>&, int64_t column, int64_t row_begin,
                 int64_t row_end, int32_t* best);
};

}  // namespace jnrf::cpu

JNRF_DECLARE_KERNELS(extern const RelationKernels<float> relation_kernels_float;
                     extern const RelationKernels<double> relation_kernels_double;)

namespace jnrf::cpu {

template <typename T>
const RelationKernels<T>& relation_kernels();
template <>
inline const RelationKernels<float>& relation_kernels<float>() {
  return *JNRF_PICK_KERNEL(relation_kernels_float);
}
template <>
inline const RelationKernels<double>& relation_kernels<double>() {
  return *JNRF_PICK_KERNEL(relation_kernels_double);
}

}  // namespace jnrf::cpu
