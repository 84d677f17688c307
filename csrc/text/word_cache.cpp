#include "text/word_cache.h"

#include <algorithm>

namespace jnrf::text {
namespace {

constexpr size_t kFirstSlots = 1 << 12;
constexpr uint64_t kHashSeed = 0x9e3779b97f4a7c15;

// One step of a multiplicative hash; the high bits are mixed down at the end.
inline uint64_t add_to_hash(uint64_t hash, char32_t c) { return (hash ^ c) * 0x100000001b3; }
inline uint64_t finish_hash(uint64_t hash) { return (hash ^ (hash >> 32)) * kHashSeed; }

}  // namespace

WordCache::WordCache(Separators separators, size_t max_bytes)
    : separators_(separators), max_bytes_(max_bytes), slots_(kFirstSlots, 0) {}

template <typename Char>
bool WordCache::find_or_add(const Char* word, int64_t length, uint64_t hash, uint32_t& entry) {
  const size_t mask = slots_.size() - 1;
  size_t slot = (hash >> 20) & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& known = entries_[slots_[slot] - 1];
    if (known.hash == hash && known.key_length == static_cast<size_t>(length) &&
        std::equal(word, word + length, keys_.data() + known.key_from,
                   [](Char a, char32_t b) { return static_cast<char32_t>(a) == b; })) {
      entry = slots_[slot] - 1;
      return true;
    }
  }
  entry = static_cast<uint32_t>(entries_.size());
  entries_.push_back({hash, keys_.size(), static_cast<size_t>(length), 0, 0});
  keys_.insert(keys_.end(), word, word + length);
  slots_[slot] = entry + 1;
  if (entries_.size() * 2 > slots_.size()) grow();
  return false;
}

void WordCache::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t slot = (entries_[i].hash >> 20) & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i) + 1;
  }
}

template <typename Char, typename IsSeparator>
void WordCache::split_as(const Char* text, int64_t size, IsSeparator is_separator,
                         std::vector<Word>& words, std::vector<Word>& unseen) {
  int64_t at = 0;
  while (true) {
    while (at < size && is_separator(text[at])) ++at;
    if (at == size) return;
    const int64_t start = at;
    uint64_t hash = kHashSeed;
    for (; at < size && !is_separator(text[at]); ++at) hash = add_to_hash(hash, text[at]);
    Word word{start, at - start, 0};
    const bool known = find_or_add(text + start, word.length, finish_hash(hash), word.entry);
    words.push_back(word);
    if (!known) unseen.push_back(word);
  }
}

void WordCache::split(const Characters& text, std::vector<Word>& words, std::vector<Word>& unseen) {
  const auto with_width = [&](auto is_separator) {
    if (text.width == 1) {
      split_as(static_cast<const uint8_t*>(text.data), text.size, is_separator, words, unseen);
    } else if (text.width == 2) {
      split_as(static_cast<const uint16_t*>(text.data), text.size, is_separator, words, unseen);
    } else {
      split_as(static_cast<const uint32_t*>(text.data), text.size, is_separator, words, unseen);
    }
  };
  if (separators_ == Separators::kPlain) {
    with_width([](char32_t c) { return is_plain_space(c); });
  } else {
    with_width([](char32_t c) { return is_space(c); });
  }
}

void WordCache::fill(uint32_t entry, std::span<const Piece> pieces) {
  entries_[entry].pieces_from = pieces_.size();
  entries_[entry].piece_count = static_cast<uint32_t>(pieces.size());
  pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
}

void WordCache::limit() {
  const size_t bytes = slots_.size() * sizeof(uint32_t) + entries_.size() * sizeof(Entry) +
                       keys_.size() * sizeof(char32_t) + pieces_.size() * sizeof(Piece);
  if (bytes > max_bytes_) clear();
}

void WordCache::clear() {
  // New vectors rather than clear(): one huge text must not keep its memory for ever.
  slots_ = std::vector<uint32_t>(kFirstSlots, 0);
  entries_ = {};
  keys_ = {};
  pieces_ = {};
}

}  // namespace jnrf::text
