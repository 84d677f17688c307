#include "relation/cuda/decode.cuh"

#include "relation/cuda/typed_launch.h"

namespace jnrf::cuda {
namespace {

template <typename T>
Decoding<T> decoding(const DecodeRules& rules) {
  return {rules.none_class, static_cast<SumOf<T>>(rules.none_bias),
          rules.allowed,    rules.type_w,
          rules.type_u,     rules.types};
}

}  // namespace

size_t best_tail_bytes() { return sizeof(BestTail); }

void launch_check_types(const RelationCall& call, const DecodeRules& rules, void* stream) {
  const int64_t rows = std::max(call.plan.rows_u, call.plan.rows_w);
  launch("relation check_types", check_types, Grid{blocks_for(rows, kRowsThreads)}, kRowsThreads, 0,
         stream, call.plan, rules.type_w, rules.type_u, rules.types);
}

void launch_decode_count(const RelationCall& call, const RelationRun& run, const DecodeRules& rules,
                         const DecodeWork& work, void* stream) {
  auto* best = static_cast<BestTail*>(work.best);
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    launch("relation count_pairs", count_pairs<T, K::kTile, K::kKept>, tile_grid(run, run.tiles),
           kTileThreads, run.shape.shared, stream, relations<T>(call, run), decoding<T>(rules),
           static_cast<int>(run.tiles), work.counts, best);
  });
  launch("relation count_rows", count_rows, Grid{blocks_for(call.plan.rows_w, kRowsThreads / 32)},
         kRowsThreads, 0, stream, call.plan, work.counts, best, work.row_begin);
  launch("relation scan_rows", scan_rows, Grid{1}, kPlanThreads, 0, stream, call.plan.rows_w,
         work.row_begin);
}

void launch_decode_write(const RelationCall& call, const RelationRun& run, const DecodeRules& rules,
                         const DecodeWork& work, const DecodeOutputs& out, void* stream) {
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    using Sum = SumOf<T>;
    const Found<Sum> found{out.heads, out.tails, out.classes, static_cast<Sum*>(out.probabilities)};
    if (work.best) {
      launch("relation write_best", write_best<Sum>,
             Grid{blocks_for(call.plan.rows_w, kRowsThreads)}, kRowsThreads, 0, stream, call.plan,
             static_cast<const BestTail*>(work.best), work.row_begin, found);
    } else {
      launch("relation write_pairs", write_pairs<T, K::kTile, K::kKept>, tile_grid(run, run.tiles),
             kTileThreads, run.shape.shared, stream, relations<T>(call, run), decoding<T>(rules),
             static_cast<int>(run.tiles), work.counts, work.row_begin, found);
    }
  });
}

}  // namespace jnrf::cuda
