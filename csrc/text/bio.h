// BIO tags of mentions, and mentions of BIO tags.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace jnrf::text {

// What to do where two mentions want the same wordpiece: the longer one stays whole (then the
// earlier, then the one listed first), or the one listed last overwrites what it covers.
enum class Overlap { kLongest, kLast };

// Tags wordpieces [first[m], last[m]) with begin_tag[m], inside_tag[m], ...; everything else gets
// `outside`. A mention with first[m] < 0 is skipped. kept[m] says whether all wordpieces of the
// mention carry its tags; with kLast a mention that was partly overwritten leaves its other tags.
// Throws InputError on arrays of unequal length and on ranges outside [0, tags.size()).
void encode_bio(std::span<const int64_t> first, std::span<const int64_t> last,
                std::span<const int64_t> begin_tag, std::span<const int64_t> inside_tag,
                int64_t outside, Overlap overlap, std::span<int64_t> tags, std::span<bool> kept);

// What a tag id stands for.
enum class Part : uint8_t { kOutside, kBegin, kInside };
struct Label {
  Part part;
  int32_t type;
};

// Mentions as parallel columns: type, first wordpiece, one past the last wordpiece.
struct Mentions {
  std::vector<int64_t> type, first, last;
};

// Merges B- I- I- into one mention; an I- that does not continue a mention of its type starts one.
// Throws InputError on a tag that `labels` does not have.
Mentions decode_bio(std::span<const int64_t> tags, std::span<const Label> labels);

// The reference implementation's way: the tag of a whitespace word is the tag of its first
// wordpiece; a B- word is a mention of its own, I- and O words are dropped.
Mentions decode_words(std::span<const int64_t> tags, std::span<const bool> word_starts,
                      std::span<const Label> labels);

}  // namespace jnrf::text
