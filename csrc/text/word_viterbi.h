// Tags of whole words: the most probable BIO sequence in which a word is never cut.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/bio.h"
#include "text/characters.h"

namespace jnrf::text {

// Marks the wordpieces that do not continue a word (text/words.h): those whose first character does
// not, and which share none with the wordpiece before. So punctuation is no part of a word, and
// "##" or any other mark of a tokenizer need not be known. `ends` are needed for the wordpieces of
// one character and for those of none. Throws InputError where a start is not in the text.
void unit_starts(const Characters& text, std::span<const int32_t> starts,
                 std::span<const int32_t> ends, std::span<bool> out);

// The mentions of the most probable sequence of BIO labels of units (words), where an I- follows
// only a B- or I- of its type. `log_probs` [n, labels] are of wordpieces, n = starts.size(); a unit
// labelled B- has B- at its first wordpiece and I- at the others, one labelled I- or O has that
// throughout. Ties go to O, then to the label that comes first.
// Throws InputError on arrays whose sizes do not fit.
Mentions best_mentions(std::span<const float> log_probs, std::span<const bool> starts,
                       std::span<const Label> labels);

}  // namespace jnrf::text
