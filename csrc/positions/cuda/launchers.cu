#include "positions/cuda/launchers.h"

#include "device/launch.h"
#include "positions/cuda/kernels.cuh"

namespace jnrf::cuda {

void launch_token_positions(const int32_t* bounds, int64_t documents, int64_t tokens, int64_t first,
                            int64_t* positions, void* stream) {
  launch("token_positions", token_positions, Grid{blocks_for(tokens, kPositionThreads)},
         kPositionThreads, 0, stream, bounds, static_cast<int>(documents), tokens, first,
         positions);
}

}  // namespace jnrf::cuda
