#include "text/wordpieces.h"

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

// Whether a wordpiece has no character that shows.
bool is_blank(const Characters& text, int32_t start, int32_t end) {
  while (start < end && is_space(text[start])) ++start;
  return start == end;
}

// Where a wordpiece that ends at `end` ends with what a normalizer took away behind it, `next` at
// most: what joins a character, and the parts of a Hangul syllable that were composed.
int32_t reach(const Characters& text, int32_t end, int32_t next) {
  while (end < next &&
         (is_joining(text[end]) || (is_hangul_part(text[end]) && is_hangul(text[end - 1])))) {
    ++end;
  }
  return end;
}

// Lets wordpieces that have had whitespace taken off end behind what their tokenizer dropped.
void reach_over_dropped(const Characters& text, std::span<int32_t> starts,
                        std::span<int32_t> ends) {
  auto next = static_cast<int32_t>(text.size);
  int32_t from = -1, to = -1;  // the last end that was moved
  for (size_t i = starts.size(); i-- > 0;) {
    if (is_blank(text, starts[i], ends[i])) {
      continue;
    }
    if (ends[i] == from) {  // the wordpieces of one character end together
      ends[i] = to;
    } else if (const int32_t reached = reach(text, ends[i], next); reached > ends[i]) {
      from = ends[i];
      to = ends[i] = reached;
      // What has no character stays behind what is before it.
      for (size_t k = i + 1; k < starts.size() && ends[k] < reached; ++k) {
        starts[k] = ends[k] = reached;
      }
    }
    next = std::min(next, starts[i]);
  }
}

}  // namespace

Shape shape_of(const Characters& characters) {
  bool letter = false, upper_first = false;
  int64_t upper = 0, lower = 0;
  for (int64_t i = 0; i < characters.size; ++i) {
    const char32_t c = characters[i];
    if (is_joining(c)) continue;  // the same however a letter is composed
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
  reach_over_dropped(text, starts, ends);
}

void blank(const Characters& text, std::span<const int32_t> starts, std::span<const int32_t> ends,
           std::span<bool> out) {
  for (size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] < 0 || ends[i] > text.size) {
      throw InputError("row " + std::to_string(i) + " does not lie in the text of " +
                       std::to_string(text.size) + " characters");
    }
    out[i] = is_blank(text, starts[i], std::max(starts[i], ends[i]));
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
