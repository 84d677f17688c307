#include "relation/cpu/tiles.h"

#include <algorithm>
#include <cmath>

namespace jnrf::cpu {
namespace {

// The size of the parts when `total` is cut into as few equal parts as stay within `most`.
int64_t even_part(int64_t total, int64_t most) {
  const int64_t parts = (total + most - 1) / most;
  return (total + parts - 1) / parts;
}

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

TilePlan plan_tiles(const int32_t* cu_w, const int32_t* cu_u, int64_t documents, int64_t classes,
                    int64_t panel, int64_t budget) {
  TilePlan plan;
  plan.group_begin.push_back(0);
  int64_t used = 0;
  const auto close_group = [&] {
    if (used > 0) plan.group_begin.push_back(static_cast<int64_t>(plan.tiles.size()));
    used = 0;
  };
  // Wide enough for long vector loops, not so wide that few heads remain.
  const int64_t side = static_cast<int64_t>(std::sqrt(double(budget) / double(classes)));
  const int64_t most_tails = std::max(panel, 2 * side / panel * panel);
  for (int64_t b = 0; b < documents; ++b) {
    const int64_t heads = cu_w[b + 1] - cu_w[b], tails = cu_u[b + 1] - cu_u[b];
    if (heads == 0 || tails == 0) continue;
    int64_t wide = even_part(tails, most_tails);
    if (wide < tails) wide = round_up(wide, panel);
    const int64_t high =
        even_part(heads, std::max<int64_t>(1, budget / (classes * round_up(wide, panel))));
    const bool whole = wide >= tails && high >= heads;
    for (int64_t head = 0; head < heads; head += high) {
      for (int64_t tail = 0; tail < tails; tail += wide) {
        TilePlace tile;
        tile.document = b;
        tile.head = cu_w[b] + head;
        tile.heads = std::min(high, heads - head);
        tile.tail = cu_u[b] + tail;
        tile.tails = std::min(wide, tails - tail);
        tile.step = round_up(tile.tails, panel);
        tile.first_of_heads = tail == 0;
        tile.first_of_tails = head == 0;
        const int64_t needed = classes * tile.heads * tile.step;
        if (!whole || used + needed > budget) close_group();
        tile.scores = used;
        used += needed;
        plan.buffer = std::max(plan.buffer, used);
        plan.tiles.push_back(tile);
        if (!whole) close_group();
      }
    }
  }
  close_group();
  return plan;
}

}  // namespace jnrf::cpu
