#include "relation/cuda/gradient.h"

#include "relation/cuda/gradient.cuh"

namespace jnrf::cuda {
namespace {

template <typename T, int kTile, int kWide>
void add(const RelationCall& call, const RelationRun& run, int first, int last, void* stream) {
  const Relations<T> in = relations<T>(call, run);
  const GradientWork<T> work{in.u,
                             in.w,
                             static_cast<const T*>(run.gradients),
                             static_cast<SumOf<T>*>(run.grad_u),
                             static_cast<SumOf<T>*>(run.grad_w),
                             call.classes,
                             call.size,
                             in.aligned,
                             first,
                             last,
                             call.plan};
  using Shape = GradientShape<T, kTile, kWide>;
  const int64_t blocks = int64_t{multiprocessors()} * Shape::kBlocks;
  // A tile has a part in two rows of results.
  const int64_t results = int64_t{2} * (last - first) * call.classes * blocks_for(call.size, kWide);
  launch("relation add_gradients", add_gradients<T, kTile, kWide>,
         Grid{static_cast<unsigned>(std::min<int64_t>(blocks, results))}, kTileThreads,
         Shape::kBytes, stream, work);
}

}  // namespace

void launch_clear_untouched(const RelationCall& call, const RelationRun& run, void* stream) {
  const auto rows = static_cast<unsigned>(call.plan.rows_u + call.plan.rows_w);
  const int64_t numbers = int64_t{call.classes} * call.size;
  const auto clear = [&](auto zero) {
    using Sum = decltype(zero);
    launch("relation clear_untouched", clear_untouched<Sum>, Grid{rows}, kRowThreads, 0, stream,
           call.plan, static_cast<Sum*>(run.grad_u), static_cast<Sum*>(run.grad_w), numbers);
  };
  call.type == RelationType::kDouble ? clear(double{}) : clear(float{});
}

void launch_add_gradients(const RelationCall& call, const RelationRun& run, int first, int last,
                          void* stream) {
  with_tile(call.type, run.shape, [&](auto kernels) {
    using K = decltype(kernels);
    using T = typename K::Type;
    if constexpr (K::kTile == 64) {
      if (call.size > 64) return add<T, 64, 128>(call, run, first, last, stream);
    }
    add<T, K::kTile, 64>(call, run, first, last, stream);
  });
}

void launch_scale(const ScaledGradients& work, void* stream) {
  with_type(work.type, [&](auto zero) {
    using T = decltype(zero);
    using Sum = SumOf<T>;
    const int64_t rows_u = work.from_u ? work.rows_u : 0, rows_w = work.from_w ? work.rows_w : 0;
    const Scaling<T> in{static_cast<const Sum*>(work.factor),
                        work.cu_u,
                        work.cu_w,
                        work.documents,
                        rows_u,
                        rows_w,
                        int64_t{work.classes} * work.size,
                        static_cast<const Sum*>(work.from_u),
                        static_cast<const Sum*>(work.from_w),
                        static_cast<T*>(work.to_u),
                        static_cast<T*>(work.to_w),
                        work.from_coefficients,
                        static_cast<Sum*>(work.to_coefficients)};
    const auto blocks = static_cast<unsigned>(rows_u + rows_w + 3 * work.classes);
    for_width(fit_vectors(in.numbers, in.from_u, in.from_w, in.to_u, in.to_w), [&](auto width) {
      launch("relation scale_gradients", scale_gradients<decltype(width)::value, T>, Grid{blocks},
             kRowThreads, 0, stream, in);
    });
  });
}

}  // namespace jnrf::cuda
