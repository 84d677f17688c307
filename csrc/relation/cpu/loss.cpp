// relation_loss on the CPU: scores, cross-entropy and gradients of one group of tiles after
// another.
#include <torch/csrc/stable/library.h>

#include <optional>
#include <tuple>

#include "relation/cpu/walk.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr const char* kOp = "relation_loss";

// The listed pairs by head row, each row in the order of the tails, equal pairs as listed.
struct PairTable {
  std::vector<int64_t> begin;  // [heads + 1]
  std::vector<ListedPair> pairs;
};

// The document that a row belongs to, or -1 for a row beyond the last document.
int64_t document_of(const int32_t* bounds, int64_t documents, int64_t row) {
  const auto* after = std::upper_bound(bounds, bounds + documents + 1, row);
  return after == bounds + documents + 1 ? -1 : after - bounds - 1;
}

PairTable sort_pairs(const RelationInputs& inputs, const Tensor& pairs) {
  const auto* rows = pairs.const_data_ptr<int64_t>();
  const int64_t count = pairs.size(0), heads = inputs.w.size(0), tails = inputs.u.size(0);
  PairTable table;
  table.begin.assign(heads + 1, 0);
  const auto padding = [rows](int64_t p) { return rows[3 * p] == -1 || rows[3 * p + 1] == -1; };
  for (int64_t p = 0; p < count; ++p) {
    if (padding(p)) continue;
    const int64_t head = rows[3 * p], tail = rows[3 * p + 1], label = rows[3 * p + 2];
    require(head >= 0 && head < heads, kOp, ": pair ", p, " names row ", head, " of w, which has ",
            heads);
    require(tail >= 0 && tail < tails, kOp, ": pair ", p, " names row ", tail, " of u, which has ",
            tails);
    require(label >= 0 && label < inputs.classes, kOp, ": pair ", p, " has class ", label,
            ", which is not one of the ", inputs.classes, " classes");
    const int64_t b = document_of(inputs.bounds_w(), inputs.documents, head);
    const int64_t c = document_of(inputs.bounds_u(), inputs.documents, tail);
    require(b >= 0 && c >= 0, kOp, ": pair ", p, " (head row ", head, ", tail row ", tail,
            ") lies beyond the last document of cu_w or cu_u");
    require(b == c, kOp, ": pair ", p, " joins head row ", head, " of document ", b,
            " with tail row ", tail, " of document ", c);
    ++table.begin[head + 1];
  }
  for (int64_t i = 0; i < heads; ++i) table.begin[i + 1] += table.begin[i];
  table.pairs.resize(table.begin[heads]);
  std::vector<int64_t> next(table.begin.begin(), table.begin.end() - 1);
  for (int64_t p = 0; p < count; ++p) {
    if (!padding(p)) table.pairs[next[rows[3 * p]]++] = {rows[3 * p + 1], rows[3 * p + 2]};
  }
  for (int64_t i = 0; i < heads; ++i) {
    std::stable_sort(table.pairs.begin() + table.begin[i], table.pairs.begin() + table.begin[i + 1],
                     [](const ListedPair& a, const ListedPair& b) { return a.tail < b.tail; });
  }
  return table;
}

using Outputs = std::tuple<Tensor, Tensor, Tensor, Tensor>;

template <typename T>
Outputs run(const RelationInputs& inputs, const PairTable& table, int64_t none_class,
            const T* class_weight, bool gradients) {
  RelationWalk<T> walk(inputs);
  const int64_t fields = 1 + 3 * inputs.classes;  // of a document: loss, alpha, beta, gamma
  std::vector<double> totals(inputs.documents * fields), sums;

  const auto rows = [&](const Tensor& like) {
    return gradients ? torch::stable::empty_like(like) : torch::stable::new_empty(like, {0});
  };
  Tensor grad_u = rows(inputs.u), grad_w = rows(inputs.w);
  T* to_u = grad_u.mutable_data_ptr<T>();
  T* to_w = grad_w.mutable_data_ptr<T>();
  if (gradients) walk.clear_untouched(to_u, to_w);

  for (int64_t g = 0; g < walk.groups(); ++g) {
    const int64_t first = walk.plan.group_begin[g], last = walk.plan.group_begin[g + 1];
    int64_t blocks = 0;
    for (int64_t t = first; t < last; ++t) blocks += walk.blocks_of_tile(t);
    sums.assign(blocks * fields, 0);
    walk.for_panels(g, [&](const PanelPlace& p) {
      const TilePlace& place = walk.plan.tiles[p.tile];
      const RelationTile<T> tile = walk.tile(p.tile);
      const RelationTargets<T> targets{table.begin.data() + place.head, table.pairs.data(),
                                       place.tail, none_class, class_weight};
      double* to = sums.data() + p.block * fields;
      walk.kernels.scores(tile, p.column, p.row_begin, p.row_end);
      walk.kernels.loss(tile, targets, p.column, p.row_begin, p.row_end, gradients, to,
                        p.block_step * fields);
      if (gradients) {
        walk.kernels.coefficients(tile, p.column, p.row_begin, p.row_end, to + 1,
                                  p.block_step * fields);
      }
    });
    const double* from = sums.data();
    for (int64_t t = first; t < last; ++t) {
      double* total = totals.data() + walk.plan.tiles[t].document * fields;
      for (int64_t n = walk.blocks_of_tile(t); n > 0; --n) {
        for (int64_t f = 0; f < fields; ++f) total[f] += *from++;
      }
    }
    if (gradients) walk.add_gradients(g, to_u, to_w);
  }

  Tensor loss = torch::stable::new_empty(inputs.u, {inputs.documents});
  Tensor coefficients = torch::stable::new_empty(
      inputs.u, {gradients ? inputs.documents : 0, 3, inputs.classes}, ScalarType::Double);
  T* to_loss = loss.mutable_data_ptr<T>();
  double* to_coefficients = coefficients.mutable_data_ptr<double>();
  for (int64_t b = 0; b < inputs.documents; ++b) {
    to_loss[b] = static_cast<T>(totals[b * fields]);
    if (!gradients) continue;
    std::copy_n(totals.data() + b * fields + 1, fields - 1, to_coefficients + b * (fields - 1));
  }
  return {loss, grad_u, grad_w, coefficients};
}

Outputs relation_loss(const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w,
                      const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha,
                      const Tensor& beta, const Tensor& gamma, const Tensor& pairs,
                      int64_t none_class, const std::optional<Tensor>& class_weight, bool gradients,
                      int64_t /*workspace*/) {
  const RelationInputs inputs(kOp, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  inputs.check_none_class(none_class);
  const PairTable table =
      sort_pairs(inputs, checked(kOp, "pairs", pairs, {-1, 3}, ScalarType::Long));
  std::optional<Tensor> weight;
  if (class_weight) {
    weight = checked(kOp, "class_weight", *class_weight, {inputs.classes}, u.scalar_type());
  }
  return inputs.dispatch([&](auto zero) {
    using T = decltype(zero);
    return run<T>(inputs, table, none_class, weight ? weight->const_data_ptr<T>() : nullptr,
                  gradients);
  });
}

// Each row times the factor of its document, 0 in rows beyond the last.
template <typename T>
Tensor scale_rows(const Tensor& rows, const Tensor& bounds, const T* factor) {
  Tensor scaled = torch::stable::empty_like(rows);
  const int64_t count = rows.size(0), row = rows.size(1) * rows.size(2);
  const T* from = rows.const_data_ptr<T>();
  T* to = scaled.mutable_data_ptr<T>();
  const auto* cu = bounds.const_data_ptr<int32_t>();
  const int64_t documents = bounds.size(0) - 1;
  const int64_t grain = std::max<int64_t>(1, 16384 / row);
  torch::stable::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = document_of(cu, documents, i);
      const T by = b < 0 ? T(0) : factor[b];
      for (int64_t k = i * row; k < (i + 1) * row; ++k) to[k] = by * from[k];
    }
  });
  return scaled;
}

template <typename T>
std::tuple<Tensor, Tensor, Tensor> scale(const Tensor& grad, const Tensor& grad_u,
                                         const Tensor& grad_w, const Tensor& grad_coefficients,
                                         const Tensor& cu_u, const Tensor& cu_w) {
  const T* factor = grad.const_data_ptr<T>();
  const int64_t documents = grad.size(0), fields = 3 * grad_u.size(1);
  const auto* from = grad_coefficients.const_data_ptr<double>();
  std::vector<double> totals(fields);
  for (int64_t b = 0; b < documents; ++b) {
    for (int64_t f = 0; f < fields; ++f) totals[f] += factor[b] * from[b * fields + f];
  }
  Tensor coefficients = torch::stable::new_empty(grad_u, {3, grad_u.size(1)});
  std::copy(totals.begin(), totals.end(), coefficients.mutable_data_ptr<T>());
  return {scale_rows(grad_u, cu_u, factor), scale_rows(grad_w, cu_w, factor), coefficients};
}

std::tuple<Tensor, Tensor, Tensor> relation_loss_backward(const Tensor& grad, const Tensor& grad_u,
                                                          const Tensor& grad_w,
                                                          const Tensor& grad_coefficients,
                                                          const Tensor& cu_u, const Tensor& cu_w,
                                                          ScalarType dtype) {
  const char* op = "relation_loss_backward";
  const LossGradients given(op, grad, grad_u, grad_w, grad_coefficients, cu_u, cu_w);
  require(dtype == grad.scalar_type(), op, ": dtype must be that of grad, ",
          torch::headeronly::toString(grad.scalar_type()), ", on the CPU, not ",
          torch::headeronly::toString(dtype));
  const auto run = [&](auto zero) {
    return scale<decltype(zero)>(given.grad, given.u, given.w, given.coefficients, given.cu_u,
                                 given.cu_w);
  };
  return dtype == ScalarType::Double ? run(double{}) : run(float{});
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) {
  m.impl("relation_loss", TORCH_BOX(&relation_loss));
  m.impl("relation_loss_backward", TORCH_BOX(&relation_loss_backward));
}

}  // namespace jnrf::cpu
