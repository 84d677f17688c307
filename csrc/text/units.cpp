#include "text/units.h"

#include <algorithm>
#include <limits>
#include <string>

#include "text/error.h"

namespace jnrf::text {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Which columns of the scores belong to a type; -1 where the labels have no such tag.
struct Columns {
  int64_t begin = -1, inside = -1;
};

// States of a path are 0 for O, 1 + 2t for B- and 2 + 2t for I- of type t.
struct Table {
  std::vector<int64_t> outside;
  std::vector<Columns> types;
};

Table columns_of(std::span<const Label> labels) {
  Table table;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    if (labels[i].part == Part::kOutside) {
      table.outside.push_back(column);
      continue;
    }
    if (labels[i].type < 0) throw InputError("label " + std::to_string(i) + " has no type");
    if (static_cast<size_t>(labels[i].type) >= table.types.size()) {
      table.types.resize(labels[i].type + 1);
    }
    Columns& type = table.types[labels[i].type];
    (labels[i].part == Part::kBegin ? type.begin : type.inside) = column;
  }
  if (table.outside.size() != 1) throw InputError("the labels must have one O");
  return table;
}

}  // namespace

void unit_starts(const Characters& text, std::span<const int32_t> starts, std::span<bool> out) {
  for (size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] < 0 || starts[i] >= text.size) {
      throw InputError("wordpiece " + std::to_string(i) + " starts at " +
                       std::to_string(starts[i]) + ", outside a text of " +
                       std::to_string(text.size) + " characters");
    }
    out[i] = i == 0 || !is_alphanumeric(text[starts[i]]) || starts[i] == 0 ||
             !is_alphanumeric(text[starts[i] - 1]);
  }
}

Mentions best_mentions(std::span<const float> log_probs, std::span<const bool> starts,
                       std::span<const Label> labels) {
  const int64_t n = static_cast<int64_t>(starts.size());
  const int64_t width = static_cast<int64_t>(labels.size());
  if (static_cast<int64_t>(log_probs.size()) != n * width) {
    throw InputError(std::to_string(log_probs.size()) + " scores do not fit " + std::to_string(n) +
                     " wordpieces and " + std::to_string(width) + " labels");
  }
  const Table table = columns_of(labels);
  const int64_t outside = table.outside.front();
  const int64_t states = 1 + 2 * static_cast<int64_t>(table.types.size());

  std::vector<int64_t> units;  // first wordpiece of each
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || starts[i]) units.push_back(i);
  }
  const int64_t count = static_cast<int64_t>(units.size());
  units.push_back(n);

  std::vector<int32_t> from(count * states);
  std::vector<float> best(states, kNever), next(states);
  for (int64_t unit = 0; unit < count; ++unit) {
    const auto sum = [&](int64_t column, int64_t first) {
      if (column < 0) return first < units[unit + 1] ? kNever : 0.0f;
      float total = 0;
      for (int64_t i = first; i < units[unit + 1]; ++i) total += log_probs[i * width + column];
      return total;
    };
    const int64_t first = units[unit];
    // O and every B- may follow anything; the first of equal predecessors is taken.
    const auto any = std::max_element(best.begin(), best.end()) - best.begin();
    const float base = unit == 0 ? 0.0f : best[any];
    int32_t* back = from.data() + unit * states;
    std::fill(back, back + states, static_cast<int32_t>(any));
    next[0] = base + sum(outside, first);
    for (int64_t t = 0; t < static_cast<int64_t>(table.types.size()); ++t) {
      const auto [begin, inside] = table.types[t];
      next[1 + 2 * t] =
          begin < 0 ? kNever : base + log_probs[first * width + begin] + sum(inside, first + 1);
      const bool after_inside = best[2 + 2 * t] > best[1 + 2 * t];
      const float before = unit == 0 ? kNever : best[after_inside ? 2 + 2 * t : 1 + 2 * t];
      back[2 + 2 * t] = static_cast<int32_t>(after_inside ? 2 + 2 * t : 1 + 2 * t);
      next[2 + 2 * t] = before + sum(inside, first);
    }
    best.swap(next);
  }

  std::vector<int32_t> path(count);
  if (count > 0) {
    path[count - 1] =
        static_cast<int32_t>(std::max_element(best.begin(), best.end()) - best.begin());
    for (int64_t unit = count - 1; unit > 0; --unit) {
      path[unit - 1] = from[unit * states + path[unit]];
    }
  }
  Mentions out;
  for (int64_t unit = 0; unit < count; ++unit) {
    if (path[unit] == 0) continue;
    if (path[unit] % 2 == 0) {  // I- : the path makes sure that its mention is the last one
      out.last.back() = units[unit + 1];
      continue;
    }
    out.type.push_back(path[unit] / 2);
    out.first.push_back(units[unit]);
    out.last.push_back(units[unit + 1]);
  }
  return out;
}

}  // namespace jnrf::text
