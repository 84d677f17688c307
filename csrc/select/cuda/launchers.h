// Which tokens the relation layers look at: launchers on raw device pointers.
#pragma once

#include <cstdint>

namespace jnrf::cuda {

enum class LabelKind { kInt32, kInt64, kFloat, kDouble, kBfloat16 };  // floats are logits

struct Selection {
  const void* labels;  // [tokens], or as logits [tokens, num_labels]
  LabelKind kind;
  const int32_t* role_of_label;  // [num_labels]
  const int32_t* bounds;         // [documents + 1]
  int64_t tokens, num_labels, documents, capacity;
  uint8_t* roles;                // [tokens], to work in
  int32_t* counts;               // [select_chunks(tokens), 2], to work in
  int64_t *heads, *tails;        // [capacity]
  int32_t *cu_heads, *cu_tails;  // [documents + 1]
};

// Blocks that the tokens are cut into, at least one.
int64_t select_chunks(int64_t tokens);
void launch_select(const Selection& work, void* stream);

}  // namespace jnrf::cuda
