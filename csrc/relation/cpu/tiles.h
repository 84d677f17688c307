// Cuts the head x tail rectangles of a packed batch into tiles whose scores fit a small buffer.
#pragma once

#include <cstdint>
#include <vector>

namespace jnrf::cpu {

struct TilePlace {
  int64_t document;
  int64_t head, heads;  // rows in w
  int64_t tail, tails;  // rows in u
  int64_t step;         // tails rounded up to whole panels
  int64_t scores;       // offset of the tile's scores in the buffer
  bool first_of_heads;  // no earlier tile touched these head rows
  bool first_of_tails;  // no earlier tile touched these tail rows
};

// Tiles in document order. They are worked on group by group: a group's scores are in the buffer
// at the same time, and no two tiles of a group share a row, so that each sum over tiles has one
// fixed order whatever the number of threads.
struct TilePlan {
  std::vector<TilePlace> tiles;
  std::vector<int64_t> group_begin;  // [groups + 1]
  int64_t buffer = 0;                // scores that the largest group needs
};

// The rows of w of document b are cu_w[b] to cu_w[b + 1]; of u likewise. `panel` is the number of
// tails that the kernels work on at once, `budget` the number of scores to keep.
TilePlan plan_tiles(const int32_t* cu_w, const int32_t* cu_u, int64_t documents, int64_t classes,
                    int64_t panel, int64_t budget = int64_t{1} << 20);

}  // namespace jnrf::cpu
