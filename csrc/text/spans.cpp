#include "text/spans.h"

#include <algorithm>
#include <string>

#include "text/error.h"

namespace jnrf::text {
namespace {

void check_order(std::span<const int32_t> values, const char* name) {
  const auto fall = std::is_sorted_until(values.begin(), values.end());
  if (fall != values.end()) {
    throw InputError(std::string(name) + " must not decrease, but falls at wordpiece " +
                     std::to_string(fall - values.begin()));
  }
}

}  // namespace

void align_spans(std::span<const int32_t> starts, std::span<const int32_t> ends,
                 std::span<const int64_t> span_starts, std::span<const int64_t> span_ends,
                 std::span<int64_t> first, std::span<int64_t> last) {
  if (starts.size() != ends.size()) {
    throw InputError("starts has " + std::to_string(starts.size()) + " wordpieces, ends has " +
                     std::to_string(ends.size()));
  }
  if (span_starts.size() != span_ends.size()) {
    throw InputError("span_starts has " + std::to_string(span_starts.size()) +
                     " spans, span_ends has " + std::to_string(span_ends.size()));
  }
  check_order(starts, "starts");
  check_order(ends, "ends");
  for (size_t m = 0; m < span_starts.size(); ++m) {
    // The first piece that ends inside or after the span, the first that starts behind it.
    auto from = std::upper_bound(ends.begin(), ends.end(), span_starts[m]) - ends.begin();
    auto to = std::lower_bound(starts.begin(), starts.end(), span_ends[m]) - starts.begin();
    // An empty piece between two others is touched by nothing.
    while (from < to && starts[from] == ends[from]) ++from;
    while (to > from && starts[to - 1] == ends[to - 1]) --to;
    const bool touched = from < to && span_starts[m] < span_ends[m];
    first[m] = touched ? from : -1;
    last[m] = touched ? to : -1;
  }
}

}  // namespace jnrf::text
