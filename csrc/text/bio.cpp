#include "text/bio.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "text/error.h"

namespace jnrf::text {
namespace {

void check_mentions(std::span<const int64_t> first, std::span<const int64_t> last,
                    std::span<const int64_t> begin_tag, std::span<const int64_t> inside_tag,
                    int64_t length) {
  const size_t count = first.size();
  if (last.size() != count || begin_tag.size() != count || inside_tag.size() != count) {
    throw InputError("first, last and the tags of the mentions must have one length, got " +
                     std::to_string(count) + ", " + std::to_string(last.size()) + ", " +
                     std::to_string(begin_tag.size()) + ", " + std::to_string(inside_tag.size()));
  }
  for (size_t m = 0; m < count; ++m) {
    if (first[m] >= 0 && (last[m] <= first[m] || last[m] > length)) {
      throw InputError("mention " + std::to_string(m) + " covers wordpieces [" +
                       std::to_string(first[m]) + ", " + std::to_string(last[m]) +
                       "), the document has " + std::to_string(length));
    }
  }
}

// The order in which mentions are placed, for each to be kept only where all its pieces are free.
std::vector<int64_t> longest_first(std::span<const int64_t> first, std::span<const int64_t> last) {
  std::vector<int64_t> order(first.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const int64_t length_a = last[a] - first[a], length_b = last[b] - first[b];
    return length_a != length_b ? length_a > length_b : first[a] < first[b];
  });
  return order;
}

Label label_at(std::span<const int64_t> tags, size_t i, std::span<const Label> labels) {
  if (tags[i] < 0 || tags[i] >= static_cast<int64_t>(labels.size())) {
    throw InputError("tag " + std::to_string(tags[i]) + " of wordpiece " + std::to_string(i) +
                     " is not one of the " + std::to_string(labels.size()) + " labels");
  }
  return labels[tags[i]];
}

}  // namespace

void encode_bio(std::span<const int64_t> first, std::span<const int64_t> last,
                std::span<const int64_t> begin_tag, std::span<const int64_t> inside_tag,
                int64_t outside, Overlap overlap, std::span<int64_t> tags, std::span<bool> kept) {
  const auto length = static_cast<int64_t>(tags.size());
  check_mentions(first, last, begin_tag, inside_tag, length);
  std::fill(tags.begin(), tags.end(), outside);
  std::fill(kept.begin(), kept.end(), false);
  std::vector<int64_t> owner(length, -1);
  const auto place = [&](int64_t m) {
    std::fill(owner.begin() + first[m], owner.begin() + last[m], m);
    std::fill(tags.begin() + first[m], tags.begin() + last[m], inside_tag[m]);
    tags[first[m]] = begin_tag[m];
    kept[m] = true;
  };
  if (overlap == Overlap::kLongest) {
    for (const int64_t m : longest_first(first, last)) {
      if (first[m] < 0) continue;
      const bool free = std::all_of(owner.begin() + first[m], owner.begin() + last[m],
                                    [](int64_t o) { return o < 0; });
      if (free) place(m);
    }
    return;
  }
  for (int64_t m = 0; m < static_cast<int64_t>(first.size()); ++m) {
    if (first[m] < 0) continue;
    for (int64_t i = first[m]; i < last[m]; ++i) {
      if (owner[i] >= 0) kept[owner[i]] = false;
    }
    place(m);
  }
}

Mentions decode_bio(std::span<const int64_t> tags, std::span<const Label> labels) {
  Mentions out;
  bool open = false;  // whether the last mention found may still grow
  for (size_t i = 0; i < tags.size(); ++i) {
    const Label label = label_at(tags, i, labels);
    if (label.part == Part::kOutside) {
      open = false;
    } else if (label.part == Part::kInside && open && out.type.back() == label.type) {
      out.last.back() = static_cast<int64_t>(i) + 1;
    } else {
      out.type.push_back(label.type);
      out.first.push_back(static_cast<int64_t>(i));
      out.last.push_back(static_cast<int64_t>(i) + 1);
      open = true;
    }
  }
  return out;
}

Mentions decode_words(std::span<const int64_t> tags, std::span<const bool> word_starts,
                      std::span<const Label> labels) {
  if (tags.size() != word_starts.size()) {
    throw InputError("tags has " + std::to_string(tags.size()) + " wordpieces, word_starts has " +
                     std::to_string(word_starts.size()));
  }
  Mentions out;
  bool open = false;  // whether the current word is a mention
  for (size_t i = 0; i < tags.size(); ++i) {
    const Label label = label_at(tags, i, labels);
    if (i == 0 || word_starts[i]) {
      open = label.part == Part::kBegin;
      if (!open) continue;
      out.type.push_back(label.type);
      out.first.push_back(static_cast<int64_t>(i));
      out.last.push_back(static_cast<int64_t>(i) + 1);
    } else if (open) {
      out.last.back() = static_cast<int64_t>(i) + 1;
    }
  }
  return out;
}

}  // namespace jnrf::text
