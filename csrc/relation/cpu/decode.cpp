// relation_decode on the CPU: the best class of each pair, tile by tile, without keeping scores.
#include <torch/csrc/stable/library.h>

#include <cmath>
#include <optional>
#include <tuple>

#include "relation/cpu/walk.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr const char* kOp = "relation_decode";

struct Found {
  int64_t head, tail, label;
  double probability;
};

void check_types(const char* name, const Tensor& tensor, int64_t rows, int64_t types) {
  const auto* data = tensor.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows; ++i) {
    require(data[i] >= 0 && data[i] < types, kOp, ": ", name, " is ", data[i], " in row ", i,
            ", which is not one of the ", types, " types of allowed");
  }
}

RelationRule make_rule(const RelationInputs& inputs, const std::optional<Tensor>& allowed,
                       const std::optional<Tensor>& type_w, const std::optional<Tensor>& type_u) {
  const RelationRule rule(inputs, allowed, type_w, type_u);
  if (rule.restricted) {
    check_types("type_w", rule.type_w, inputs.bounds_w()[inputs.documents], rule.types);
    check_types("type_u", rule.type_u, inputs.bounds_u()[inputs.documents], rule.types);
  }
  return rule;
}

// Of each head, the most probable pair; of equals the nearest, then the first.
std::vector<Found> best_tails(const std::vector<Found>& found, const RelationInputs& inputs) {
  const auto distance = [&](const Found& pair) {
    return std::abs(inputs.pos_w[pair.head] - inputs.pos_u[pair.tail]);
  };
  std::vector<Found> best;
  for (const Found& pair : found) {
    if (best.empty() || best.back().head != pair.head) {
      best.push_back(pair);
    } else if (pair.probability > best.back().probability ||
               (pair.probability == best.back().probability &&
                distance(pair) < distance(best.back()))) {
      best.back() = pair;
    }
  }
  return best;
}

template <typename T>
std::vector<Found> find(const RelationInputs& inputs, const RelationRule& rule, int64_t none_class,
                        double none_bias) {
  RelationWalk<T> walk(inputs);
  std::vector<int32_t> best((walk.plan.buffer + inputs.classes - 1) / inputs.classes);
  std::vector<Found> found;
  for (int64_t g = 0; g < walk.groups(); ++g) {
    const int64_t first = walk.plan.group_begin[g], last = walk.plan.group_begin[g + 1];
    // A tile has one best class where it has `classes` scores.
    const auto best_of = [&](const TilePlace& place) {
      return best.data() + place.scores / inputs.classes;
    };
    walk.for_panels(g, [&](const PanelPlace& p) {
      const TilePlace& place = walk.plan.tiles[p.tile];
      const RelationTile<T> tile = walk.tile(p.tile);
      DecodeRule<T> of_tile{none_class, static_cast<T>(none_bias), nullptr, 0, nullptr, nullptr};
      if (rule.restricted) {
        of_tile.allowed = rule.allowed.const_data_ptr<bool>();
        of_tile.types = rule.types;
        of_tile.type_w = rule.type_w.const_data_ptr<int64_t>() + place.head;
        of_tile.type_u = rule.type_u.const_data_ptr<int64_t>() + place.tail;
      }
      walk.kernels.scores(tile, p.column, p.row_begin, p.row_end);
      walk.kernels.decode(tile, of_tile, p.column, p.row_begin, p.row_end, best_of(place));
    });
    for (int64_t t = first; t < last; ++t) {
      const TilePlace& place = walk.plan.tiles[t];
      const RelationTile<T> tile = walk.tile(t);
      for (int64_t i = 0; i < place.heads; ++i) {
        for (int64_t j = 0; j < place.tails; ++j) {
          const int64_t at = i * place.step + j, label = best_of(place)[at];
          if (label == none_class) continue;
          found.push_back({place.head + i, place.tail + j, label, double(tile.scores[at])});
        }
      }
    }
  }
  // Tiles that are not as wide as their document come out of order.
  const auto before = [](const Found& a, const Found& b) {
    return a.head != b.head ? a.head < b.head : a.tail < b.tail;
  };
  if (!std::is_sorted(found.begin(), found.end(), before)) {
    std::sort(found.begin(), found.end(), before);
  }
  return found;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> relation_decode(
    const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
    const Tensor& cu_w, const Tensor& alpha, const Tensor& beta, const Tensor& gamma,
    int64_t none_class, double none_bias, bool best_tail, const std::optional<Tensor>& allowed,
    const std::optional<Tensor>& type_w, const std::optional<Tensor>& type_u) {
  const RelationInputs inputs(kOp, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  inputs.check_none_class(none_class);
  const RelationRule rule = make_rule(inputs, allowed, type_w, type_u);
  std::vector<Found> found = inputs.dispatch(
      [&](auto zero) { return find<decltype(zero)>(inputs, rule, none_class, none_bias); });
  if (best_tail) found = best_tails(found, inputs);

  const auto count = static_cast<int64_t>(found.size());
  const auto column = [&] { return torch::stable::new_empty(u, {count}, ScalarType::Long); };
  Tensor heads = column(), tails = column(), labels = column();
  Tensor probabilities = torch::stable::new_empty(u, {count});
  auto *head = heads.mutable_data_ptr<int64_t>(), *tail = tails.mutable_data_ptr<int64_t>(),
       *label = labels.mutable_data_ptr<int64_t>();
  for (int64_t k = 0; k < count; ++k) {
    head[k] = found[k].head;
    tail[k] = found[k].tail;
    label[k] = found[k].label;
  }
  inputs.dispatch([&](auto zero) {
    using T = decltype(zero);
    T* to = probabilities.mutable_data_ptr<T>();
    for (int64_t k = 0; k < count; ++k) to[k] = static_cast<T>(found[k].probability);
  });
  return {heads, tails, labels, probabilities};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) { m.impl("relation_decode", TORCH_BOX(&relation_decode)); }

}  // namespace jnrf::cpu
