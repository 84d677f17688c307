#include "relation/cuda/plan.cuh"

#include "relation/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

template <typename T, int kTile>
RelationShape shape_with(int classes, bool keep) {
  using Block = Tile<T, kTile, false>;  // sizes are the same
  const size_t scores = size_t{Block::kPlane} * classes * sizeof(SumOf<T>);
  RelationShape shape{};
  shape.tile = kTile;
  shape.shared = Block::kFixedBytes + (keep ? 0 : scores);
  shape.kept_scores = keep ? int64_t{Block::kPlane} * classes : 0;
  shape.gradient_bytes = sizeof(T) * kTile * kTile * classes;
  constexpr int64_t kMost = 4;  // more bring no more
  shape.blocks = static_cast<unsigned>(multiprocessors() * blocks_at_once(shape.shared, kMost));
  return shape;
}

template <typename T>
RelationShape shape_of_type(int classes) {
  if constexpr (sizeof(T) < sizeof(double)) {
    const RelationShape large = shape_with<T, 64>(classes, false);
    if (large.shared <= shared_memory_limit()) return large;
  }
  const RelationShape small = shape_with<T, 32>(classes, false);
  return small.shared <= shared_memory_limit() ? small : shape_with<T, 32>(classes, true);
}

}  // namespace

RelationShape relation_shape(RelationType type, int classes) {
  RelationShape shape;
  with_type(type, [&](auto zero) { shape = shape_of_type<decltype(zero)>(classes); });
  return shape;
}

int64_t most_tiles(int tile, int64_t rows_u, int64_t rows_w, int64_t documents) {
  // With n documents, one of them has all rows but one each: convex in n.
  const auto with = [&](int64_t n) {
    return (1 + (rows_w - n) / tile) * (1 + (rows_u - n) / tile) + n - 1;
  };
  const int64_t most = std::min({documents, rows_u, rows_w});
  return most < 1 ? 0 : std::max(with(1), with(most));
}

bool is_captured(void* stream) { return capturing(stream); }

void launch_plan(const RelationPlan& plan, void* stream) {
  launch("relation plan", plan_relations, Grid{1}, kPlanThreads, 0, stream, plan);
}

void launch_sort_pairs(const RelationPlan& plan, const ListedPairs& listed, void* stream) {
  const Grid grid{blocks_for(listed.count, kPairThreads)};
  launch("relation locate_pairs", locate_pairs, grid, kPairThreads, 0, stream, plan, listed);
  launch("relation scan_listed", scan_listed, Grid{1}, kPlanThreads, 0, stream, plan);
  launch("relation sort_pairs", sort_pairs, grid, kPairThreads, 0, stream, plan, listed);
}

}  // namespace jnrf::cuda
