#include "text/scores.h"

#include <string>
#include <vector>

#include "text/error.h"

namespace jnrf::text {
namespace {

void check(int64_t rows, int64_t types, std::span<const int64_t> type,
           std::span<const int64_t> first, std::span<const int64_t> last) {
  if (type.size() != first.size() || type.size() != last.size()) {
    throw InputError("type, first and last must have one length");
  }
  int64_t before = 0;
  for (size_t m = 0; m < type.size(); ++m) {
    if (type[m] < 0 || type[m] >= types || first[m] < before || last[m] <= first[m] ||
        last[m] > rows) {
      throw InputError("mention " + std::to_string(m) + " of type " + std::to_string(type[m]) +
                       " covers wordpieces [" + std::to_string(first[m]) + ", " +
                       std::to_string(last[m]) + "), which is out of order or range");
    }
    before = last[m];
  }
}

// Which columns are of a type; -1 where the labels have no such tag.
struct Columns {
  int64_t begin = -1, inside = -1;
};

}  // namespace

void mention_scores(std::span<const float> probabilities, std::span<const Label> labels,
                    std::span<const int64_t> type, std::span<const int64_t> first,
                    std::span<const int64_t> last, std::span<double> scores) {
  const auto width = static_cast<int64_t>(labels.size());
  if (width == 0 || probabilities.size() % width != 0) {
    throw InputError(std::to_string(probabilities.size()) + " probabilities do not fit " +
                     std::to_string(width) + " labels");
  }
  std::vector<Columns> columns;
  for (int64_t column = 0; column < width; ++column) {
    const auto [part, of] = labels[column];
    if (of < 0) continue;
    if (static_cast<size_t>(of) >= columns.size()) columns.resize(of + 1);
    (part == Part::kBegin ? columns[of].begin : columns[of].inside) = column;
  }
  check(static_cast<int64_t>(probabilities.size()) / width, static_cast<int64_t>(columns.size()),
        type, first, last);

  // Only of the types that are there, and only up to the last mention.
  std::vector<int64_t> place(columns.size(), -1);
  std::vector<Columns> present;
  for (const int64_t of : type) {
    if (place[of] >= 0) continue;
    place[of] = static_cast<int64_t>(present.size());
    present.push_back(columns[of]);
  }
  std::vector<double> totals(present.size(), 0.0);
  const float* row = probabilities.data();
  int64_t at = 0;
  const auto add_rows_before = [&](int64_t end) {
    for (; at < end; ++at, row += width) {
      for (size_t p = 0; p < present.size(); ++p) {
        const auto [begin, inside] = present[p];
        const float tagged = (begin < 0 ? 0.0f : row[begin]) + (inside < 0 ? 0.0f : row[inside]);
        totals[p] += static_cast<double>(tagged);
      }
    }
  };
  for (size_t m = 0; m < type.size(); ++m) {
    add_rows_before(first[m]);
    const double before = totals[place[type[m]]];
    add_rows_before(last[m]);
    scores[m] = (totals[place[type[m]]] - before) / static_cast<double>(last[m] - first[m]);
  }
}

}  // namespace jnrf::text
