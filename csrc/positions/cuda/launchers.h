// What follows from the bounds of packed documents alone: launchers on raw device pointers.
#pragma once

#include <cstdint>

namespace jnrf::cuda {

// The position of each of `tokens` tokens in its document, counted from `first`.
void launch_token_positions(const int32_t* bounds, int64_t documents, int64_t tokens, int64_t first,
                            int64_t* positions, void* stream);

}  // namespace jnrf::cuda
