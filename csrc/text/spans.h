// Which wordpieces a span of characters touches.
#pragma once

#include <cstdint>
#include <span>

namespace jnrf::text {

// For each span [span_starts[m], span_ends[m]) the range [first[m], last[m]) of wordpieces that
// share at least one character with it, or (-1, -1) where none does. `starts` and `ends` must be
// non-decreasing, as every tokenizer gives them; wordpieces may overlap each other (bytes of one
// character) or be empty. Throws InputError on arrays that do not fit together.
void align_spans(std::span<const int32_t> starts, std::span<const int32_t> ends,
                 std::span<const int64_t> span_starts, std::span<const int64_t> span_ends,
                 std::span<int64_t> first, std::span<int64_t> last);

}  // namespace jnrf::text
