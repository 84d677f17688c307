// The characters of a Python string, read in place, and what kind of character each is.
//
// Python's own Unicode tables are used, so that no table is copied here and str methods in tests
// and in user code agree with these. All of it may run without the GIL: the tables are constant
// and the string is immutable, the caller keeps it alive.
#pragma once

#include <Python.h>

#include <cstdint>

namespace jnrf::text {

// Code points in one of Python's three widths (1, 2, 4 bytes).
struct Characters {
  const void* data;
  int width;
  int64_t size;

  char32_t operator[](int64_t i) const {
    switch (width) {
      case 1:
        return static_cast<const uint8_t*>(data)[i];
      case 2:
        return static_cast<const uint16_t*>(data)[i];
      default:
        return static_cast<const uint32_t*>(data)[i];
    }
  }
  Characters part(int64_t from, int64_t to) const {
    return {static_cast<const char*>(data) + from * width, width, to - from};
  }
};

// work(pointer to the first character), in the type that the characters have.
template <typename Work>
void with_width(const Characters& text, Work work) {
  switch (text.width) {
    case 1:
      return work(static_cast<const uint8_t*>(text.data));
    case 2:
      return work(static_cast<const uint16_t*>(text.data));
    default:
      return work(static_cast<const uint32_t*>(text.data));
  }
}

inline bool is_alphanumeric(char32_t c) {
  if (c < 128) return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return Py_UNICODE_ISALNUM(c);  // looks into several tables
}

// Reads from Python which characters are marks. To be called once, with the GIL, before is_joining.
void read_marks();

// Whether `c` belongs to the character before it, whatever that is: combining marks, variation
// selectors, joiners, what shows nothing inside a word (soft hyphen), the skin of an emoji.
bool is_joining(char32_t c);

// Whether `c` is of Hangul: a syllable, or a part of one in any of its forms.
bool is_hangul(char32_t c);

// Whether `c` is the vowel or the end of a Hangul syllable, which composition takes up.
bool is_hangul_part(char32_t c);

// Whether `c` is of a script that sets no spaces between words, digits and punctuation aside.
bool is_unspaced(char32_t c);

inline bool is_space(char32_t c) { return Py_UNICODE_ISSPACE(c); }

// The characters at which every supported pre-tokenizer splits, whatever its normalizer does.
// Others that Python calls whitespace are not safe: BERT's clean-up deletes U+000B or U+0085.
inline bool is_plain_space(char32_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace jnrf::text
