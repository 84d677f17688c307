// Remembers the wordpieces of words, so that a tokenizer is asked once for each.
//
// Most words of a corpus are repeats. Where a tokenizer splits at whitespace before anything
// else, the wordpieces of a text are those of its words, shifted; looking them up costs a hash
// of the word instead of normalising, splitting and matching it again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/characters.h"

namespace jnrf::text {

struct Piece {
  int32_t id;
  int32_t start, end;  // characters, from the word's first
  uint8_t shape;
  bool word_start;
};

// One word of a text: its first character, its length, and its entry in the cache.
struct Word {
  int64_t start, length;
  uint32_t entry;
};

class WordCache {
 public:
  // Which characters separate words: all that Python calls whitespace, or only the plain ones.
  enum class Separators { kPlain, kAll };

  WordCache(Separators separators, size_t max_bytes);

  // Splits a text into its words and appends them to `words`. A word seen for the first time gets
  // an entry and is appended to `unseen` too; fill() must follow for each.
  void split(const Characters& text, std::vector<Word>& words, std::vector<Word>& unseen);

  void fill(uint32_t entry, std::span<const Piece> pieces);

  std::span<const Piece> pieces(uint32_t entry) const {
    return {pieces_.data() + entries_[entry].pieces_from, entries_[entry].piece_count};
  }

  // Forgets everything where more than max_bytes are held. To be called between texts.
  void limit();
  void clear();
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t hash;
    size_t key_from, key_length, pieces_from;
    uint32_t piece_count;
  };
  template <typename Char, typename IsSeparator>
  void split_as(const Char* text, int64_t size, IsSeparator is_separator, std::vector<Word>& words,
                std::vector<Word>& unseen);
  template <typename Char>
  bool find_or_add(const Char* word, int64_t length, uint64_t hash, uint32_t& entry);
  void grow();

  Separators separators_;
  size_t max_bytes_;
  std::vector<uint32_t> slots_;  // open addressing: entry + 1, or 0
  std::vector<Entry> entries_;
  std::vector<char32_t> keys_;
  std::vector<Piece> pieces_;
};

}  // namespace jnrf::text
