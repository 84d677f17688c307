#include "text/word_viterbi.h"

#include <algorithm>
#include <limits>
#include <string>

#include "text/error.h"
#include "text/words.h"

namespace jnrf::text {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// The columns of the scores: that of O, and those of each type; -1 where the labels have none.
struct Table {
  int64_t outside = -1;
  std::vector<int64_t> begin, inside;
};

Table columns_of(std::span<const Label> labels) {
  Table table;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    const auto [part, type] = labels[i];
    if (part == Part::kOutside) {
      if (table.outside >= 0) throw InputError("the labels must have one O");
      table.outside = column;
      continue;
    }
    if (type < 0) throw InputError("label " + std::to_string(i) + " has no type");
    if (static_cast<size_t>(type) >= table.begin.size()) {
      table.begin.resize(type + 1, -1);
      table.inside.resize(type + 1, -1);
    }
    (part == Part::kBegin ? table.begin : table.inside)[type] = column;
  }
  if (table.outside < 0) throw InputError("the labels must have one O");
  return table;
}

// The best paths that end at a unit, one for each of its states: 0 for O, 1 + 2t for B- and 2 + 2t
// for I- of type t. What is known of types is kept in arrays of its own, for whole registers of
// them to be worked on at once.
class Paths {
 public:
  Paths(const Table& table, std::span<const float> log_probs, int64_t width, int64_t units)
      : table_(table),
        log_probs_(log_probs),
        width_(width),
        types_(static_cast<int64_t>(table.begin.size())),
        room_((types_ + kLanes - 1) / kLanes * kLanes),
        at_begin_(room_, kNever),
        at_inside_(room_, kNever),
        after_first_(room_, 0.0f),
        begin_(room_, kNever),
        inside_(room_, kNever),
        either_(room_, kNever),
        from_best_(units),
        from_inside_(units * room_) {}

  // Adds the unit of wordpieces [first, end).
  void add(int64_t unit, int64_t first, int64_t end) {
    const float base = unit == 0 ? 0.0f : best_;
    from_best_[unit] = unit == 0 ? 0 : best_state();
    sum(first, end);
    float outside = 0;
    for (int64_t i = first; i < end; ++i) outside += log_probs_[i * width_ + table_.outside];
    outside_ = base + outside;
    // Pointers that the compiler may take to be apart.
    const float* __restrict at_begin = at_begin_.data();
    const float* __restrict at_inside = at_inside_.data();
    const float* __restrict after_first = after_first_.data();
    float* __restrict begin = begin_.data();
    float* __restrict inside = inside_.data();
    float* __restrict either = either_.data();
    uint8_t* __restrict from_inside = from_inside_.data() + unit * room_;
    float best[kLanes] = {kNever, kNever, kNever, kNever};
    for (int64_t t = 0; t < room_; t += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t i = t + lane;
        from_inside[i] = inside[i] > begin[i];
        const float b = base + at_begin[i] + after_first[i];
        const float s = either[i] + at_inside[i];
        begin[i] = b;
        inside[i] = s;
        either[i] = s > b ? s : b;
        best[lane] = either[i] > best[lane] ? either[i] : best[lane];
      }
    }
    best_ = outside_;
    for (const float value : best) best_ = value > best_ ? value : best_;
  }

  // The first of the best states of the last unit added.
  int32_t best_state() const {
    if (outside_ == best_) return 0;
    const auto type = std::find(either_.begin(), either_.end(), best_) - either_.begin();
    if (type == room_) return 0;  // numbers that are none
    return static_cast<int32_t>(begin_[type] == best_ ? 1 + 2 * type : 2 + 2 * type);
  }

  // The state of the unit before that `state` of `unit` comes from. O and every B- may follow
  // anything.
  int32_t before(int64_t unit, int32_t state) const {
    if (state == 0 || state % 2 == 1) return from_best_[unit];
    const int32_t type = (state - 2) / 2;
    return from_inside_[unit * room_ + type] ? state : state - 1;
  }

 private:
  // What the wordpieces of a unit add to each of its states.
  void sum(int64_t first, int64_t end) {
    const float* __restrict row = log_probs_.data() + first * width_;
    const int64_t* __restrict begin = table_.begin.data();
    const int64_t* __restrict inside = table_.inside.data();
    float* __restrict at_begin = at_begin_.data();
    float* __restrict at_inside = at_inside_.data();
    float* __restrict after_first = after_first_.data();
    for (int64_t t = 0; t < types_; ++t) {
      at_begin[t] = begin[t] < 0 ? kNever : row[begin[t]];
      at_inside[t] = inside[t] < 0 ? kNever : row[inside[t]];
      after_first[t] = 0;
    }
    for (int64_t i = first + 1; i < end; ++i) {
      row += width_;
      for (int64_t t = 0; t < types_; ++t) {
        const float more = inside[t] < 0 ? kNever : row[inside[t]];
        at_inside[t] += more;
        after_first[t] += more;
      }
    }
  }

  static constexpr int64_t kLanes = 4;
  const Table& table_;
  std::span<const float> log_probs_;
  int64_t width_, types_;
  int64_t room_;  // for types, in whole registers; the places left over are never reached
  // Of the unit being added: of B- at its first wordpiece, I- at all, I- at those after the first.
  std::vector<float> at_begin_, at_inside_, after_first_;
  // Of the last unit added; either_ is the better of begin_ and inside_.
  float outside_ = 0, best_ = 0;
  std::vector<float> begin_, inside_, either_;
  // Of each unit: the best state before it, and for each type whether I- comes from I- there.
  std::vector<int32_t> from_best_;
  std::vector<uint8_t> from_inside_;
};

// A tokenizer may drop what a word begins with, so that the characters before tell nothing of it.
bool space_between(const Characters& text, int64_t from, int64_t to) {
  for (; from < to; ++from) {
    if (is_space(text[from])) return true;
  }
  return false;
}

}  // namespace

void unit_starts(const Characters& text, std::span<const int32_t> starts,
                 std::span<const int32_t> ends, std::span<bool> out) {
  int64_t covered = 0;  // where the last wordpiece of any character ends
  for (size_t i = 0; i < starts.size(); ++i) {
    const int32_t at = starts[i];
    // A wordpiece of no character may stand behind the last one.
    if (at < 0 || at > text.size || (at == text.size && ends[i] > at)) {
      throw InputError("wordpiece " + std::to_string(i) + " starts at " + std::to_string(at) +
                       ", outside a text of " + std::to_string(text.size) + " characters");
    }
    if (i == 0) {
      out[i] = true;
    } else if (at < ends[i - 1]) {
      out[i] = false;  // it shares a character with the one before
    } else {
      out[i] = at == text.size || space_between(text, covered, at) || !continues_word(text, at);
    }
    if (ends[i] > at) covered = ends[i];
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

  std::vector<int64_t> units;  // first wordpiece of each
  for (int64_t i = 0; i < n; ++i) {
    if (i == 0 || starts[i]) units.push_back(i);
  }
  const int64_t count = static_cast<int64_t>(units.size());
  units.push_back(n);

  Paths paths(table, log_probs, width, count);
  for (int64_t unit = 0; unit < count; ++unit) paths.add(unit, units[unit], units[unit + 1]);
  std::vector<int32_t> path(count);
  if (count > 0) {
    path[count - 1] = paths.best_state();
    for (int64_t unit = count - 1; unit > 0; --unit)
      path[unit - 1] = paths.before(unit, path[unit]);
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
