#include "text/pieces.h"

#include <algorithm>
#include <string>

#include "text/error.h"

namespace jnrf::text {
namespace {

template <typename Char>
void gaps_in(const Char* text, const Char* end, std::span<const int32_t> starts,
             std::span<const int32_t> ends, std::span<uint8_t> out) {
  const auto next_break = [&](const Char* from) { return std::find(from, end, Char{'\n'}); };
  const Char* next = next_break(text + starts[0]);
  out[0] = 3;
  for (size_t i = 1; i < starts.size(); ++i) {
    int breaks = 0;
    for (; next < text + starts[i]; next = next_break(next + 1)) ++breaks;
    out[i] = breaks > 0 ? (breaks > 1 ? 3 : 2) : starts[i] > ends[i - 1];
  }
}

}  // namespace

Shape shape_of(const Characters& characters) {
  bool letter = false, upper_first = false;
  int64_t upper = 0, lower = 0;
  for (int64_t i = 0; i < characters.size; ++i) {
    const char32_t c = characters[i];
    if (Py_UNICODE_ISDIGIT(c)) return kDigit;
    if (Py_UNICODE_ISUPPER(c) || Py_UNICODE_ISTITLE(c)) {
      if (i == 0) upper_first = true;
      ++upper;
    } else if (Py_UNICODE_ISLOWER(c)) {
      ++lower;
    }
    letter |= Py_UNICODE_ISALPHA(c) != 0;
  }
  if (!letter && upper + lower == 0) return characters.size > 0 ? kPunctuation : kLower;
  if (upper == 0) return kLower;
  if (lower == 0) return kAllCaps;
  return upper == 1 && upper_first ? kInitial : kMixed;
}

void describe_pieces(const Characters& text, std::span<int32_t> starts, std::span<int32_t> ends,
                     std::span<bool> word_starts, std::span<uint8_t> shapes) {
  int64_t scanned = 0;
  bool new_word = true;  // whitespace, or the text's start, lies before `scanned`
  for (size_t i = 0; i < starts.size(); ++i) {
    int32_t start = starts[i], end = ends[i];
    if (start < 0 || end < start || end > text.size) {
      throw InputError("wordpiece " + std::to_string(i) + " spans characters [" +
                       std::to_string(start) + ", " + std::to_string(end) + ") of a text of " +
                       std::to_string(text.size));
    }
    while (start < end && is_space(text[start])) ++start;
    while (end > start && is_space(text[end - 1])) --end;
    if (start == end) {
      word_starts[i] = false;
      shapes[i] = kLower;
      continue;
    }
    starts[i] = start;
    ends[i] = end;
    for (; scanned < start; ++scanned) new_word |= is_space(text[scanned]);
    word_starts[i] = new_word;
    new_word = false;
    shapes[i] = shape_of(text.part(start, end));
  }
}

void gaps(const Characters& text, std::span<const int32_t> starts, std::span<const int32_t> ends,
          std::span<uint8_t> out) {
  if (starts.empty()) return;
  if (!std::is_sorted(starts.begin(), starts.end()) || !std::is_sorted(ends.begin(), ends.end())) {
    throw InputError("the tokenizer gives wordpieces out of order; use another one");
  }
  if (starts.front() < 0 || starts.back() > text.size) {
    throw InputError("the tokenizer gives wordpieces outside the text; use another one");
  }
  with_width(text, [&](const auto* characters) {
    gaps_in(characters, characters + text.size, starts, ends, out);
  });
}

}  // namespace jnrf::text
