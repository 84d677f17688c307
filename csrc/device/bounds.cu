#include "device/bounds.h"

#include <algorithm>

#include "device/bounds.cuh"
#include "device/launch.h"

namespace jnrf::cuda {

namespace {

template <int kMost>
void write_part(const int32_t* from, int64_t count, int32_t* to, void* stream) {
  BoundsPart<kMost> part;
  part.count = static_cast<int>(count);
  std::copy_n(from, count, part.values);
  std::fill(part.values + count, part.values + kMost, 0);
  launch("write_bounds", write_bounds<kMost>, Grid{1}, 256, 0, stream, part, to);
}

}  // namespace

void launch_write_bounds(const int32_t* from, int64_t count, int32_t* to, void* stream) {
  for (int64_t first = 0; first < count;) {
    const int64_t left = count - first, now = std::min<int64_t>(left, kManyBounds);
    // The driver copies all of a kernel's parameters, so that few bounds are better off with few.
    if (now <= kFewBounds) {
      write_part<kFewBounds>(from + first, now, to + first, stream);
    } else {
      write_part<kManyBounds>(from + first, now, to + first, stream);
    }
    first += now;
  }
}

}  // namespace jnrf::cuda
