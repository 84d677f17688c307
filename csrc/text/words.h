// Where words begin, by Unicode's properties of characters.
//
// A word is a run of letters and digits, each with the marks that follow it. In scripts that set
// no spaces between words, each letter with its marks is a word of its own: a mention may begin
// and end at any of them. Any other character that is no white space stands alone, with its marks;
// emoji that a joiner binds, and flags in a row, stay together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/characters.h"

namespace jnrf::text {

// Whether the character at `at` goes on with the word of those before it. Characters that join
// (is_joining) go on with any but white space; at the start of a text nothing does.
bool continues_word(const Characters& text, int64_t at);

// The words of a text: their characters [starts, ends), in order. Every character that is no white
// space is in one.
struct WordSpans {
  std::vector<int32_t> starts, ends;
};
WordSpans words_of(const Characters& text);

struct Cut {
  int64_t span;
  int32_t at;
};

// Where words begin or end inside of each span of characters [start, end), in the order of spans
// and characters. Symbols of Latin text (a degree sign) count as parts of the word beside them, so
// that the vocabularies of models that were trained before go on as they did. Throws InputError
// where a span does not lie in the text.
std::vector<Cut> inner_words(const Characters& text, std::span<const int32_t> starts,
                             std::span<const int32_t> ends);

}  // namespace jnrf::text
