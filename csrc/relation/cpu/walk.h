// The walk over tiles that relation_scores, relation_loss and relation_decode share.
#pragma once

#include <algorithm>
#include <vector>

#include "relation/cpu/inputs.h"
#include "relation/cpu/kernel.h"
#include "relation/cpu/tiles.h"

namespace jnrf::cpu {

// A panel of one tile: the unit of work.
struct PanelPlace {
  int64_t tile;  // in the plan
  int64_t column, row_begin, row_end;
  int64_t block;       // number of the panel's first row block among those of the group
  int64_t block_step;  // to the panel's next row block
};

template <typename T>
class RelationWalk {
 public:
  explicit RelationWalk(const RelationInputs& inputs)
      : kernels(relation_kernels<T>()),
        inputs_(inputs),
        plan(plan_tiles(inputs.bounds_w(), inputs.bounds_u(), inputs.documents, inputs.classes,
                        kernels.panel)),
        scores_(torch::stable::new_empty(inputs.u, {plan.buffer})) {}

  const RelationKernels<T>& kernels;

 private:
  const RelationInputs& inputs_;

 public:
  const TilePlan plan;

  int64_t groups() const { return static_cast<int64_t>(plan.group_begin.size()) - 1; }

  RelationTile<T> tile(int64_t index) {
    const TilePlace& place = plan.tiles[index];
    const int64_t row = inputs_.classes * inputs_.size;
    return {inputs_.w.const_data_ptr<T>() + place.head * row,
            inputs_.u.const_data_ptr<T>() + place.tail * row,
            inputs_.pos_w.data() + place.head,
            inputs_.pos_u.data() + place.tail,
            inputs_.alpha.const_data_ptr<T>(),
            inputs_.beta.const_data_ptr<T>(),
            inputs_.gamma.const_data_ptr<T>(),
            place.heads,
            place.tails,
            inputs_.classes,
            inputs_.size,
            scores_.template mutable_data_ptr<T>() + place.scores,
            place.step};
  }

  // The row blocks of the panels of a tile.
  int64_t blocks_of_tile(int64_t index) const {
    const TilePlace& place = plan.tiles[index];
    return place.step / kernels.panel * blocks_of(place.heads);
  }

  // Calls work(panel) for every panel of a group, in parallel. How the rows are shared out depends
  // on the number of threads; what is summed within a row block of a panel, and the block's
  // number, does not.
  template <typename F>
  void for_panels(int64_t group, const F& work) {
    panels_.clear();
    const int64_t first = plan.group_begin[group], last = plan.group_begin[group + 1];
    const int64_t threads = torch::stable::get_num_threads();
    const int64_t wanted = threads > 1 ? 4 * threads : 1;
    int64_t columns = 0;
    for (int64_t t = first; t < last; ++t) columns += plan.tiles[t].step / kernels.panel;
    // Few panels are cut by rows too, though each cut means packing the tails once more.
    const int64_t cuts = (wanted + columns - 1) / columns;
    int64_t blocks = 0;
    for (int64_t t = first; t < last; ++t) {
      const TilePlace& place = plan.tiles[t];
      const int64_t wide = place.step / kernels.panel;
      const int64_t high = blocks_of((place.heads + cuts - 1) / cuts) * kernels.row_block;
      for (int64_t column = 0; column < place.step; column += kernels.panel) {
        for (int64_t row = 0; row < place.heads; row += high) {
          const int64_t end = std::min(row + high, place.heads);
          const int64_t block = row / kernels.row_block * wide + column / kernels.panel;
          panels_.push_back({t, column, row, end, blocks + block, wide});
        }
      }
      blocks += wide * blocks_of(place.heads);
    }
    torch::stable::parallel_for(0, static_cast<int64_t>(panels_.size()), 1,
                                [&](int64_t begin, int64_t end) {
                                  for (int64_t p = begin; p < end; ++p) work(panels_[p]);
                                });
  }

  // Adds what the gradients in place of a group's scores mean for u and w.
  void add_gradients(int64_t group, T* grad_u, T* grad_w) {
    const int64_t first = plan.group_begin[group], last = plan.group_begin[group + 1];
    const int64_t threads = torch::stable::get_num_threads();
    const int64_t row = inputs_.classes * inputs_.size;
    // Many small documents need no further cutting; one large one is cut by columns.
    const int64_t parts =
        last - first >= 4 * threads ? 1 : (inputs_.size + kernels.panel - 1) / kernels.panel;
    const int64_t wide = parts == 1 ? inputs_.size : kernels.panel;
    const int64_t per_tile = 2 * inputs_.classes * parts;
    torch::stable::parallel_for(0, (last - first) * per_tile, 1, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t index = first + unit / per_tile, rest = unit % per_tile;
        const int64_t r = rest / parts % inputs_.classes, d = rest % parts * wide;
        const int64_t d_end = std::min(d + wide, inputs_.size);
        const TilePlace& place = plan.tiles[index];
        if (rest < inputs_.classes * parts) {
          kernels.grad_w(tile(index), r, d, d_end, !place.first_of_heads,
                         grad_w + place.head * row);
        } else {
          kernels.grad_u(tile(index), r, d, d_end, !place.first_of_tails,
                         grad_u + place.tail * row);
        }
      }
    });
  }

  // Zeros in the rows that no tile writes: documents without pairs, places beyond the last one.
  void clear_untouched(T* grad_u, T* grad_w) const {
    const int64_t row = inputs_.classes * inputs_.size;
    const int32_t *u = inputs_.bounds_u(), *w = inputs_.bounds_w();
    for (int64_t b = 0; b < inputs_.documents; ++b) {
      if (u[b] < u[b + 1] && w[b] < w[b + 1]) continue;
      std::fill(grad_u + u[b] * row, grad_u + u[b + 1] * row, T(0));
      std::fill(grad_w + w[b] * row, grad_w + w[b + 1] * row, T(0));
    }
    std::fill(grad_u + u[inputs_.documents] * row, grad_u + inputs_.u.size(0) * row, T(0));
    std::fill(grad_w + w[inputs_.documents] * row, grad_w + inputs_.w.size(0) * row, T(0));
  }

 private:
  int64_t blocks_of(int64_t rows) const {
    return (rows + kernels.row_block - 1) / kernels.row_block;
  }

  Tensor scores_;
  std::vector<PanelPlace> panels_;
};

}  // namespace jnrf::cpu
