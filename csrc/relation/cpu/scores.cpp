// relation_scores on the CPU, forward and backward: tile by tile from and to the packed order.
#include <torch/csrc/stable/library.h>

#include <tuple>

#include "relation/cpu/walk.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

// Where each document's pairs begin in the packed scores; the last entry is their number.
std::vector<int64_t> pair_offsets(const RelationInputs& inputs) {
  const int32_t *u = inputs.bounds_u(), *w = inputs.bounds_w();
  std::vector<int64_t> offsets{0};
  for (int64_t b = 0; b < inputs.documents; ++b) {
    offsets.push_back(offsets.back() + int64_t{w[b + 1] - w[b]} * (u[b + 1] - u[b]));
  }
  return offsets;
}

// Copies a panel between its tile [classes, heads, tails] and the packed [head, tail, class].
template <typename T, typename F>
void for_scores(const RelationWalk<T>& walk, const RelationInputs& inputs,
                const std::vector<int64_t>& offsets, const PanelPlace& p,
                const RelationTile<T>& tile, const F& copy) {
  const TilePlace& place = walk.plan.tiles[p.tile];
  const int64_t b = place.document;
  const int64_t tails = inputs.bounds_u()[b + 1] - inputs.bounds_u()[b];
  const int64_t first_tail = place.tail - inputs.bounds_u()[b] + p.column;
  const int64_t wide = std::min(walk.kernels.panel, place.tails - p.column);
  for (int64_t i = p.row_begin; i < p.row_end; ++i) {
    const int64_t head = place.head - inputs.bounds_w()[b] + i;
    const int64_t packed = (offsets[b] + head * tails + first_tail) * inputs.classes;
    for (int64_t r = 0; r < inputs.classes; ++r) {
      T* row = tile.scores + (r * place.heads + i) * place.step + p.column;
      for (int64_t j = 0; j < wide; ++j) copy(row[j], packed + j * inputs.classes + r);
    }
  }
}

Tensor relation_scores(const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w,
                       const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha,
                       const Tensor& beta, const Tensor& gamma) {
  const RelationInputs inputs("relation_scores", u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta,
                              gamma);
  const std::vector<int64_t> offsets = pair_offsets(inputs);
  Tensor scores = torch::stable::new_empty(inputs.u, {offsets.back(), inputs.classes});
  inputs.dispatch([&](auto zero) {
    using T = decltype(zero);
    RelationWalk<T> walk(inputs);
    T* out = scores.mutable_data_ptr<T>();
    for (int64_t g = 0; g < walk.groups(); ++g) {
      walk.for_panels(g, [&](const PanelPlace& p) {
        const RelationTile<T> tile = walk.tile(p.tile);
        walk.kernels.scores(tile, p.column, p.row_begin, p.row_end);
        for_scores(walk, inputs, offsets, p, tile,
                   [out](const T& score, int64_t packed) { out[packed] = score; });
      });
    }
  });
  return scores;
}

using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

template <typename T>
Gradients backward(const RelationInputs& inputs, const Tensor& grad,
                   const std::vector<int64_t>& offsets) {
  RelationWalk<T> walk(inputs);
  Tensor grad_u = torch::stable::empty_like(inputs.u), grad_w = torch::stable::empty_like(inputs.w);
  T* to_u = grad_u.mutable_data_ptr<T>();
  T* to_w = grad_w.mutable_data_ptr<T>();
  walk.clear_untouched(to_u, to_w);
  const T* from = grad.const_data_ptr<T>();
  const int64_t fields = 3 * inputs.classes;
  std::vector<double> totals(fields), sums;
  for (int64_t g = 0; g < walk.groups(); ++g) {
    const int64_t first = walk.plan.group_begin[g], last = walk.plan.group_begin[g + 1];
    int64_t blocks = 0;
    for (int64_t t = first; t < last; ++t) blocks += walk.blocks_of_tile(t);
    sums.assign(blocks * fields, 0);
    walk.for_panels(g, [&](const PanelPlace& p) {
      const RelationTile<T> tile = walk.tile(p.tile);
      for_scores(walk, inputs, offsets, p, tile,
                 [from](T& score, int64_t packed) { score = from[packed]; });
      walk.kernels.coefficients(tile, p.column, p.row_begin, p.row_end,
                                sums.data() + p.block * fields, p.block_step * fields);
    });
    for (size_t n = 0; n < sums.size(); ++n) totals[n % fields] += sums[n];
    walk.add_gradients(g, to_u, to_w);
  }
  const auto coefficient = [&](const Tensor& like, int64_t which) {
    Tensor result = torch::stable::empty_like(like);
    std::copy_n(totals.data() + which * inputs.classes, inputs.classes,
                result.mutable_data_ptr<T>());
    return result;
  };
  return {grad_u, grad_w, coefficient(inputs.alpha, 0), coefficient(inputs.beta, 1),
          coefficient(inputs.gamma, 2)};
}

Gradients relation_scores_backward(const Tensor& grad, const Tensor& u, const Tensor& w,
                                   const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
                                   const Tensor& cu_w, const Tensor& alpha, const Tensor& beta,
                                   const Tensor& gamma, int64_t /*workspace*/) {
  const char* op = "relation_scores_backward";
  const RelationInputs inputs(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  const std::vector<int64_t> offsets = pair_offsets(inputs);
  const Tensor packed =
      checked(op, "grad", grad, {offsets.back(), inputs.classes}, u.scalar_type());
  return inputs.dispatch(
      [&](auto zero) { return backward<decltype(zero)>(inputs, packed, offsets); });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) {
  m.impl("relation_scores", TORCH_BOX(&relation_scores));
  m.impl("relation_scores_backward", TORCH_BOX(&relation_scores_backward));
}

}  // namespace jnrf::cpu
