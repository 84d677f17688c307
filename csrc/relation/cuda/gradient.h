// The launches that end a run with gradients.
#pragma once

#include "relation/cuda/typed_launch.h"

namespace jnrf::cuda {

// Zeros where no tile will add anything.
void launch_clear_untouched(const RelationCall& call, const RelationRun& run, void* stream);
// What the tiles [first, last) add to the gradients of u and w.
void launch_add_gradients(const RelationCall& call, const RelationRun& run, int first, int last,
                          void* stream);

}  // namespace jnrf::cuda
