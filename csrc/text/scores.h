// How sure a model is of the mentions it found.
#pragma once

#include <cstdint>
#include <span>

#include "text/bio.h"

namespace jnrf::text {

// For each mention the mean probability over its wordpieces of being tagged with its type, B- or
// I-. `probabilities` [n, labels] are of wordpieces; mentions are in order and share none. Means
// are differences of sums from the first wordpiece on, so that they do not depend on who asks.
// Throws InputError on arrays whose sizes do not fit, and on mentions out of order or range.
void mention_scores(std::span<const float> probabilities, std::span<const Label> labels,
                    std::span<const int64_t> type, std::span<const int64_t> first,
                    std::span<const int64_t> last, std::span<double> scores);

}  // namespace jnrf::text
