#include "cuda/bounds.h"

#include <algorithm>

#include "cuda/bounds.cuh"
#include "cuda/launch.h"

namespace jnrf::cuda {

void launch_write_bounds(const int32_t* from, int64_t count, int32_t* to, void* stream) {
  for (int64_t first = 0; first < count; first += kBoundsAtOnce) {
    BoundsPart part{};
    part.count = static_cast<int>(std::min<int64_t>(kBoundsAtOnce, count - first));
    std::copy_n(from + first, part.count, part.values);
    launch("write_bounds", write_bounds, Grid{1}, 256, 0, stream, part, to + first);
  }
}

}  // namespace jnrf::cuda
