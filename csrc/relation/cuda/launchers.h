// Relation scores, their loss and their decoding on CUDA: launchers on raw device pointers.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

namespace jnrf::cuda {

// What the kernels report: what is wrong with values that the host does not see (1; of the types
// the first row with a wrong one), and the number of tiles.
enum RelationReport { kFaultyBounds, kFaultyPairs, kFaultyTypeW, kFaultyTypeU, kTiles };
inline constexpr int kReports = 6;  // places for them, a whole number of int64
inline constexpr int32_t kNoFaultyRow = INT_MAX;

// Documents and their tiles, on the device.
struct RelationPlan {
  const int32_t *cu_u, *cu_w;  // [documents + 1]
  int64_t rows_u, rows_w;
  int documents;
  int tile;  // rows and columns of a tile
  // Sums before each document, and the total, of: pairs; tiles; tiles of heads and of tails alone.
  int64_t* pairs;
  int32_t *tiles, *head_tiles, *tail_tiles;  // [documents + 1]
  int32_t* report;                           // [kReports]
  int32_t* listed;                           // [counted_tiles]: listed pairs of each tile
  int64_t counted_tiles;
};

struct ListedPairs {
  const int64_t* pairs;  // [count, 3]
  int64_t count;
  int classes;
  int32_t *tile, *rank, *order;  // [count], to work in; order: the pairs tile by tile
};

enum class RelationType { kFloat, kDouble, kBfloat16 };

// u, w and gradients in the tiles are of this type; all else is float, or double beside double.
struct RelationCall {
  RelationType type;
  const void *u, *w;             // [rows, classes, size]
  const int64_t *pos_u, *pos_w;  // [rows]
  const void *alpha, *beta, *gamma;
  int classes, size;
  RelationPlan plan;
};

// How a call is cut up: follows from its type and classes and from the device.
struct RelationShape {
  int tile;
  size_t shared;          // bytes of shared memory that a block of tiles takes
  unsigned blocks;        // at most, at once
  int64_t kept_scores;    // that a block keeps in memory, not having room for them
  size_t gradient_bytes;  // of a tile
};
RelationShape relation_shape(RelationType type, int classes);
// As many tiles as documents can have that share these rows.
int64_t most_tiles(int tile, int64_t rows_u, int64_t rows_w, int64_t documents);

// Whether a CUDA graph is being captured from a stream, when nothing may be waited for.
bool is_captured(void* stream);

void launch_plan(const RelationPlan& plan, void* stream);
void launch_sort_pairs(const RelationPlan& plan, const ListedPairs& listed, void* stream);

// A run over at most `tiles` tiles, `round` at once, with memory to work in.
struct RelationRun {
  RelationShape shape;
  int64_t tiles, round;
  void* scores;           // [shape.blocks, shape.kept_scores] or null
  void* gradients;        // [round, classes, tile, tile], or null: no gradients
  double* sums;           // [tiles, fields]
  void *grad_u, *grad_w;  // [rows, classes, size] float, or double
  double* coefficients;   // [documents, 3, classes]
};

void launch_scores(const RelationCall& call, const RelationRun& run, void* scores, void* stream);
// `grad` [pairs, classes], of the type of the coefficients; of pairs beyond it is not a number.
// Fills all that a run with gradients has.
void launch_scores_backward(const RelationCall& call, const RelationRun& run, const void* grad,
                            int64_t pairs, void* stream);

struct RelationTargets {
  ListedPairs listed;
  const void* class_weight;  // [classes] or null
  int none_class;
};
void launch_loss(const RelationCall& call, const RelationRun& run, const RelationTargets& targets,
                 void* loss, void* stream);

// Gradients times the factor of each document (or 1 where `factor` is null), in their final type.
// Rows beyond the last document become 0.
struct ScaledGradients {
  RelationType type;   // of grad_u and grad_w
  const void* factor;  // [documents] or null
  const int32_t *cu_u, *cu_w;
  int documents, classes, size;
  int64_t rows_u, rows_w;
  const void *from_u, *from_w;  // or null: coefficients only
  const double* from_coefficients;
  void *to_u, *to_w, *to_coefficients;
};
void launch_scale(const ScaledGradients& work, void* stream);

struct DecodeRules {
  int none_class;
  double none_bias;
  bool best_tail;
  const bool* allowed;  // [types, types, classes], or null with the two below
  const int64_t *type_w, *type_u;
  int64_t types;
};
struct DecodeWork {
  int32_t* counts;     // [tiles * tile]: pairs found in each row of each tile
  int64_t* row_begin;  // [rows_w + 1]
  void* best;          // [tiles * tile] BestTail, or null
};
struct DecodeOutputs {
  int64_t *heads, *tails, *classes;
  void* probabilities;
};
size_t best_tail_bytes();
// Faulty types are reported in the plan's report.
void launch_check_types(const RelationCall& call, const DecodeRules& rules, void* stream);
// Counts what there is to find; row_begin[rows_w] is the number.
void launch_decode_count(const RelationCall& call, const RelationRun& run, const DecodeRules& rules,
                         const DecodeWork& work, void* stream);
void launch_decode_write(const RelationCall& call, const RelationRun& run, const DecodeRules& rules,
                         const DecodeWork& work, const DecodeOutputs& out, void* stream);

}  // namespace jnrf::cuda
