#include "relation/cuda/gradient.h"
#include "relation/cuda/loss.cuh"

namespace jnrf::cuda {
namespace {

template <typename Sum>
void sum_up(const RelationCall& call, const DocumentSums<Sum>& work, void* stream) {
  const int64_t items = int64_t{call.plan.documents} * work.fields;
  launch("relation sum_documents", sum_documents<Sum>, Grid{blocks_for(items, kSumThreads / 32)},
         kSumThreads, 0, stream, call.plan, work);
}

}  // namespace

void launch_scores(const RelationCall& call, const RelationRun& run, void* scores, void* stream) {
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    launch("relation write_scores", write_scores<T, K::kTile, K::kKept>, tile_grid(run, run.tiles),
           kTileThreads, run.shape.shared, stream, relations<T>(call, run),
           static_cast<SumOf<T>*>(scores), static_cast<int>(run.tiles));
  });
}

void launch_scores_backward(const RelationCall& call, const RelationRun& run, const void* grad,
                            int64_t pairs, void* stream) {
  launch_clear_untouched(call, run, stream);
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    const int fields = 3 * call.classes;
    for_rounds(run, [&](int first, int last) {
      const TileGradients<T> out{static_cast<T*>(run.gradients), run.sums, fields, first, last};
      launch("relation read_gradients", read_gradients<T, K::kTile, K::kKept>,
             tile_grid(run, last - first), kTileThreads, run.shape.shared, stream,
             relations<T>(call, run), static_cast<const SumOf<T>*>(grad), pairs * call.classes,
             out);
      launch_add_gradients(call, run, first, last, stream);
    });
    sum_up(call, DocumentSums<SumOf<T>>{run.sums, fields, nullptr, run.coefficients}, stream);
  });
}

void launch_loss(const RelationCall& call, const RelationRun& run, const RelationTargets& targets,
                 void* loss, void* stream) {
  if (run.gradients) launch_clear_untouched(call, run, stream);
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    const Targets<T> of_tiles{targets.listed.pairs, targets.listed.order,
                              static_cast<const SumOf<T>*>(targets.class_weight),
                              targets.none_class};
    const int fields = run.gradients ? 1 + 3 * call.classes : 1;
    for_rounds(run, [&](int first, int last) {
      const TileGradients<T> out{static_cast<T*>(run.gradients), run.sums, fields, first, last};
      launch("relation loss_of_tiles", loss_of_tiles<T, K::kTile, K::kKept>,
             tile_grid(run, last - first), kTileThreads, run.shape.shared, stream,
             relations<T>(call, run), of_tiles, out);
      if (run.gradients) launch_add_gradients(call, run, first, last, stream);
    });
    sum_up(call,
           DocumentSums<SumOf<T>>{run.sums, fields, static_cast<SumOf<T>*>(loss), run.coefficients},
           stream);
  });
}

}  // namespace jnrf::cuda
