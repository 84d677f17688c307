#include "text/characters.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <bitset>
#include <iterator>

namespace jnrf::text {
namespace {

// All marks lie below this, but for the variation selectors of plane 14.
constexpr char32_t kMarksEnd = 0x20000;

std::bitset<kMarksEnd>& marks() {
  static auto& made = *new std::bitset<kMarksEnd>();
  return made;
}

struct Range {
  char32_t first, last;
};

template <size_t n>
bool lies_in(const Range (&ranges)[n], char32_t c) {
  const auto* range = std::lower_bound(std::begin(ranges), std::end(ranges), c,
                                       [](const Range& r, char32_t at) { return r.last < at; });
  return range != std::end(ranges) && c >= range->first;
}

// Characters that are no marks and join: Grapheme_Extend and Format of UAX #29 (word boundaries,
// WB4), with the spacing marks and the emoji modifiers. Left out are the zero width space, which
// parts words, the controls of the direction of writing, which stand around words, and the signs
// that belong to the digits after them.
constexpr Range kJoining[] = {
    {0x00AD, 0x00AD},    // soft hyphen
    {0x0E33, 0x0E33},    // Thai am, a vowel sign that is a letter
    {0x0EB3, 0x0EB3},    // Lao am
    {0x180E, 0x180E},    // Mongolian vowel separator
    {0x200C, 0x200D},    // joiners
    {0x2060, 0x2064},    // word joiner, invisible operators
    {0xFEFF, 0xFEFF},    // zero width no-break space
    {0xFF9E, 0xFF9F},    // half-width voicing of kana
    {0x1F3FB, 0x1F3FF},  // skins of emoji
    {0xE0000, 0xE0FFF},  // tags and variation selectors
};

// Unicode's Blocks.txt and Scripts.txt: Hangul.
constexpr Range kHangul[] = {
    {0x1100, 0x11FF}, {0x3131, 0x318E}, {0xA960, 0xA97C}, {0xAC00, 0xD7FB}, {0xFFA0, 0xFFDC},
};
constexpr Range kHangulParts[] = {
    {0x1160, 0x11FF},
    {0x3131, 0x318E},
    {0xD7B0, 0xD7FB},
    {0xFFA0, 0xFFDC},
};

// Unicode's Scripts.txt, Han, Hiragana, Katakana, Bopomofo, Yi, Tangut, Khitan and Nushu; and
// LineBreak.txt, class SA: the scripts of South East Asia whose lines break at words that only a
// dictionary knows. Their digits are not among them. What is no letter in a range does not matter.
constexpr Range kUnspaced[] = {
    {0x0E01, 0x0E4E},    // Thai
    {0x0E81, 0x0ECE},    // Lao
    {0x0EDC, 0x0EDF},    // Lao
    {0x1000, 0x103F},    // Myanmar
    {0x1050, 0x108F},    // Myanmar
    {0x109A, 0x109F},    // Myanmar
    {0x1780, 0x17DD},    // Khmer
    {0x1950, 0x19CF},    // Tai Le, New Tai Lue
    {0x1A20, 0x1A7C},    // Tai Tham
    {0x1AA0, 0x1AAD},    // Tai Tham
    {0x3005, 0x3007},    // Han: repetition, closing, zero
    {0x3021, 0x303C},    // Han numerals, repetition of kana
    {0x3041, 0x312F},    // Hiragana, Katakana, Bopomofo
    {0x31A0, 0x31BF},    // Bopomofo
    {0x31F0, 0x31FF},    // Katakana
    {0x3400, 0x4DBF},    // Han
    {0x4E00, 0xA4CF},    // Han, Yi
    {0xA9E0, 0xA9EF},    // Myanmar
    {0xA9FA, 0xA9FE},    // Myanmar
    {0xAA60, 0xAADF},    // Myanmar, Tai Viet
    {0xF900, 0xFAFF},    // Han
    {0xFF66, 0xFF9D},    // half-width Katakana
    {0x11700, 0x1172B},  // Ahom
    {0x11740, 0x11746},  // Ahom
    {0x16FE0, 0x18D7F},  // Tangut, Khitan, marks of repetition
    {0x1AFF0, 0x1B2FF},  // Katakana, Hiragana, Nushu
    {0x20000, 0x3FFFD},  // Han
};

}  // namespace

void read_marks() {
  namespace py = pybind11;
  const py::object category = py::module_::import("unicodedata").attr("category");
  for (char32_t c = 0x300; c < kMarksEnd; ++c) {
    // Nearly all others are letters, or not assigned; asking after each takes ten times as long.
    if (!Py_UNICODE_ISPRINTABLE(c) || Py_UNICODE_ISALNUM(c)) continue;
    const py::str said =
        category(py::reinterpret_steal<py::object>(PyUnicode_FromOrdinal(static_cast<int>(c))));
    marks()[c] = PyUnicode_READ_CHAR(said.ptr(), 0) == 'M';
  }
}

bool is_joining(char32_t c) {
  if (c < 0x300) return c == 0xAD;
  return (c < kMarksEnd && marks()[c]) || lies_in(kJoining, c);
}

bool is_hangul(char32_t c) { return c >= 0x1100 && lies_in(kHangul, c); }

bool is_hangul_part(char32_t c) { return c >= 0x1160 && lies_in(kHangulParts, c); }

bool is_unspaced(char32_t c) { return c >= 0x0E01 && lies_in(kUnspaced, c); }

}  // namespace jnrf::text
