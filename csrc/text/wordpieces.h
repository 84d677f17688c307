// What can be said of a wordpiece from the original characters it stands for.
#pragma once

#include <cstdint>
#include <span>

#include "text/characters.h"

namespace jnrf::text {

enum Shape : uint8_t { kLower, kInitial, kAllCaps, kMixed, kDigit, kPunctuation };

// The casing class of some characters, marks left out. Any digit: kDigit. No letter: kPunctuation
// (symbols too). No upper case (or letters without case, or nothing at all): kLower. All cased
// letters upper: kAllCaps. Only the first character upper: kInitial. Else kMixed.
Shape shape_of(const Characters& characters);

// Takes whitespace off both ends of each wordpiece's span (unless nothing else is in it), and
// fills `word_starts` (the first wordpiece that starts in a whitespace word) and `shapes`. Lets a
// wordpiece end behind the characters that its tokenizer dropped and that belong to the one before
// them: marks and the like (is_joining), and parts of a Hangul syllable. Whitespace never does.
// Throws InputError where a span does not lie in the text.
void describe_pieces(const Characters& text, std::span<int32_t> starts, std::span<int32_t> ends,
                     std::span<bool> word_starts, std::span<uint8_t> shapes);

// Marks the wordpieces, or rows of them, that have no character or white space alone.
// Throws InputError where one does not lie in the text.
void blank(const Characters& text, std::span<const int32_t> starts, std::span<const int32_t> ends,
           std::span<bool> out);

// What stands before each wordpiece: 0 nothing, 1 a space or more, 2 a line break, 3 a blank line
// or the start of the text. A line break inside the wordpiece before counts too. Throws InputError
// where wordpieces are out of order or outside the text.
void gaps(const Characters& text, std::span<const int32_t> starts, std::span<const int32_t> ends,
          std::span<uint8_t> out);

}  // namespace jnrf::text
