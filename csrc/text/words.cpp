#include "text/words.h"

#include <string>

#include "text/error.h"

namespace jnrf::text {
namespace {

constexpr char32_t kZeroWidthJoiner = 0x200D;

// Marks that set the letter after them below the one before: Myanmar, Khmer, Tai Tham.
bool stacks(char32_t c) { return c == 0x1039 || c == 0x17D2 || c == 0x1A60; }

// Whether a character is one of the two that make a flag.
bool is_flag(char32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }

// What the character at `at` and those that join it stand with: its own, a space where there is
// none.
char32_t base_of(const Characters& text, int64_t at) {
  while (at > 0 && is_joining(text[at])) --at;
  return is_joining(text[at]) ? U' ' : text[at];
}

// Whether a symbol, with marks or without, is none of those of Latin text. "Plain" are those that
// composition may exchange with one.
bool stands_apart(char32_t c, bool marked) {
  const bool plain = c < 0x250 || c == 0x037E || c == 0x0387 || c == 0x1FEF || c == 0x1FFD;
  return marked || !plain;
}

}  // namespace

bool continues_word(const Characters& text, int64_t at) {
  if (at <= 0) return false;
  const char32_t c = text[at], before = text[at - 1];
  if (c < 128 && before < 128) return is_alphanumeric(c) && is_alphanumeric(before);
  if (is_joining(c)) return !is_space(before);
  if (!is_alphanumeric(c)) {
    return (before == kZeroWidthJoiner && !is_space(c)) || (is_flag(before) && is_flag(c));
  }
  const char32_t base = is_joining(before) ? base_of(text, at - 1) : before;
  if (!is_alphanumeric(base)) return false;
  return (!is_unspaced(c) && !is_unspaced(base)) || stacks(before);
}

WordSpans words_of(const Characters& text) {
  WordSpans words;
  bool open = false;  // whether the last word goes up to the character before
  for (int64_t at = 0; at < text.size; ++at) {
    if (is_space(text[at])) {
      open = false;
      continue;
    }
    if (!open || !continues_word(text, at)) {
      words.starts.push_back(static_cast<int32_t>(at));
      words.ends.push_back(0);
    }
    words.ends.back() = static_cast<int32_t>(at + 1);
    open = true;
  }
  return words;
}

std::vector<Cut> inner_words(const Characters& text, std::span<const int32_t> starts,
                             std::span<const int32_t> ends) {
  std::vector<Cut> cuts;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] < 0 || ends[i] < starts[i] || ends[i] > text.size) {
      throw InputError("span " + std::to_string(i) + " does not lie in the text of " +
                       std::to_string(text.size) + " characters");
    }
    char32_t base = U' ';  // the last character that joins none, and whether others join it
    bool marked = false;
    for (int32_t at = starts[i]; at < ends[i]; ++at) {
      const char32_t c = text[at];
      if (at > starts[i] && is_joining(c)) {
        marked = true;
        continue;
      }
      if (at > starts[i] && !is_space(c) && !continues_word(text, at)) {
        const bool of_word = is_alphanumeric(c), in_word = is_alphanumeric(base);
        const bool followed = at + 1 < text.size && is_joining(text[at + 1]);
        if ((of_word && in_word) || (!in_word && stands_apart(base, marked)) ||
            (!of_word && stands_apart(c, followed))) {
          cuts.push_back({static_cast<int64_t>(i), at});
        }
      }
      base = c;
      marked = false;
    }
  }
  return cuts;
}

}  // namespace jnrf::text
