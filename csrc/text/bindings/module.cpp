// Python bindings of the torch-free host routines for text.
//
// Arrays come in as numpy and go out as numpy; the work itself runs without the GIL.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "text/bindings/arrays.h"
#include "text/bio.h"
#include "text/error.h"
#include "text/scores.h"
#include "text/spans.h"
#include "text/word_viterbi.h"
#include "text/wordpieces.h"
#include "text/words.h"

namespace jnrf::text {

void bind_found(py::module_& m);       // found.cpp
void bind_json(py::module_& m);        // json.cpp
void bind_standoff(py::module_& m);    // standoff.cpp
void bind_word_cache(py::module_& m);  // word_cache.cpp

namespace {

py::tuple py_align(const Array<int32_t>& starts, const Array<int32_t>& ends,
                   const Array<int64_t>& span_starts, const Array<int64_t>& span_ends) {
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  const auto fs = read(span_starts, "span_starts"), fe = read(span_ends, "span_ends");
  py::array_t<int64_t> first(span_starts.size()), last(span_starts.size());
  {
    const auto f = write(first), l = write(last);
    py::gil_scoped_release release;
    align_spans(s, e, fs, fe, f, l);
  }
  return py::make_tuple(first, last);
}

py::tuple py_encode_bio(int64_t length, const Array<int64_t>& first, const Array<int64_t>& last,
                        const Array<int64_t>& begin_tag, const Array<int64_t>& inside_tag,
                        int64_t outside, bool longest) {
  if (length < 0) throw InputError("the number of wordpieces must not be negative");
  const auto f = read(first, "first"), l = read(last, "last");
  const auto b = read(begin_tag, "begin_tag"), i = read(inside_tag, "inside_tag");
  py::array_t<int64_t> tags(length);
  py::array_t<bool> kept(first.size());
  {
    const auto t = write(tags);
    const auto k = write(kept);
    py::gil_scoped_release release;
    encode_bio(f, l, b, i, outside, longest ? Overlap::kLongest : Overlap::kLast, t, k);
  }
  return py::make_tuple(tags, kept);
}

std::vector<Label> label_table(std::span<const uint8_t> parts, std::span<const int32_t> types) {
  if (parts.size() != types.size()) throw InputError("parts and types must have one length");
  std::vector<Label> labels;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] > static_cast<uint8_t>(Part::kInside)) {
      throw InputError("part " + std::to_string(parts[i]) + " is none of 0 (O), 1 (B), 2 (I)");
    }
    labels.push_back({static_cast<Part>(parts[i]), types[i]});
  }
  return labels;
}

py::tuple to_tuple(const Mentions& m) {
  return py::make_tuple(to_array(m.type), to_array(m.first), to_array(m.last));
}

py::tuple py_decode_bio(const Array<int64_t>& tags, const Array<uint8_t>& parts,
                        const Array<int32_t>& types) {
  const auto t = read(tags, "tags");
  const auto labels = label_table(read(parts, "parts"), read(types, "types"));
  Mentions mentions;
  {
    py::gil_scoped_release release;
    mentions = decode_bio(t, labels);
  }
  return to_tuple(mentions);
}

py::tuple py_decode_words(const Array<int64_t>& tags, const Array<bool>& word_starts,
                          const Array<uint8_t>& parts, const Array<int32_t>& types) {
  const auto t = read(tags, "tags");
  const auto w = read(word_starts, "word_starts");
  const auto labels = label_table(read(parts, "parts"), read(types, "types"));
  Mentions mentions;
  {
    py::gil_scoped_release release;
    mentions = decode_words(t, w, labels);
  }
  return to_tuple(mentions);
}

// A mark for each span of characters [start, end), set by `mark(text, starts, ends, out)`.
template <typename Mark>
py::array_t<bool> mark_spans(const py::str& text, const Array<int32_t>& starts,
                             const Array<int32_t>& ends, Mark mark) {
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  if (s.size() != e.size()) throw InputError("starts and ends must have one length");
  const Characters characters = characters_of(text);
  py::array_t<bool> out(starts.size());
  const auto o = write(out);
  py::gil_scoped_release release;
  mark(characters, s, e, o);
  return out;
}

py::array_t<bool> py_unit_starts(const py::str& text, const Array<int32_t>& starts,
                                 const Array<int32_t>& ends) {
  return mark_spans(text, starts, ends, unit_starts);
}

py::array_t<bool> py_blank(const py::str& text, const Array<int32_t>& starts,
                           const Array<int32_t>& ends) {
  return mark_spans(text, starts, ends, blank);
}

py::tuple py_words(const py::str& text) {
  const Characters characters = characters_of(text);
  WordSpans words;
  {
    py::gil_scoped_release release;
    words = words_of(characters);
  }
  return py::make_tuple(to_array(words.starts), to_array(words.ends));
}

py::tuple py_inner_words(const py::str& text, const Array<int32_t>& starts,
                         const Array<int32_t>& ends) {
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  if (s.size() != e.size()) throw InputError("starts and ends must have one length");
  const Characters characters = characters_of(text);
  std::vector<int64_t> spans;
  std::vector<int32_t> places;
  {
    py::gil_scoped_release release;
    for (const Cut& cut : inner_words(characters, s, e)) {
      spans.push_back(cut.span);
      places.push_back(cut.at);
    }
  }
  return py::make_tuple(to_array(spans), to_array(places));
}

bool py_is_joining(const py::str& character) {
  const Characters characters = characters_of(character);
  return characters.size == 1 && is_joining(characters[0]);
}

bool py_is_unspaced(const py::str& character) {
  const Characters characters = characters_of(character);
  return characters.size == 1 && is_unspaced(characters[0]) && is_alphanumeric(characters[0]);
}

py::tuple py_best_mentions(const Array<float>& log_probs, const Array<bool>& starts,
                           const Array<uint8_t>& parts, const Array<int32_t>& types) {
  if (log_probs.ndim() != 2) throw InputError("log_probs must have two dimensions");
  const std::span<const float> scores{log_probs.data(), static_cast<size_t>(log_probs.size())};
  const auto s = read(starts, "starts");
  const auto labels = label_table(read(parts, "parts"), read(types, "types"));
  Mentions mentions;
  {
    py::gil_scoped_release release;
    mentions = best_mentions(scores, s, labels);
  }
  return to_tuple(mentions);
}

py::array_t<double> py_mention_scores(const Array<float>& probabilities,
                                      const Array<uint8_t>& parts, const Array<int32_t>& types,
                                      const Array<int64_t>& type, const Array<int64_t>& first,
                                      const Array<int64_t>& last) {
  const std::span<const float> p{probabilities.data(), static_cast<size_t>(probabilities.size())};
  const auto labels = label_table(read(parts, "parts"), read(types, "types"));
  const auto t = read(type, "type"), f = read(first, "first"), l = read(last, "last");
  py::array_t<double> scores(type.size());
  const auto s = write(scores);
  py::gil_scoped_release release;
  mention_scores(p, labels, t, f, l, s);
  return scores;
}

py::array_t<uint8_t> py_gaps(const py::str& text, const Array<int32_t>& starts,
                             const Array<int32_t>& ends) {
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  if (s.size() != e.size()) throw InputError("starts and ends must have one length");
  const Characters characters = characters_of(text);
  py::array_t<uint8_t> out(starts.size());
  const auto o = write(out);
  py::gil_scoped_release release;
  gaps(characters, s, e, o);
  return out;
}

py::tuple py_describe(const py::str& text, const Array<int32_t>& starts,
                      const Array<int32_t>& ends) {
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  if (s.size() != e.size()) throw InputError("starts and ends must have one length");
  const Characters characters = characters_of(text);
  py::array_t<int32_t> new_starts(starts.size()), new_ends(starts.size());
  py::array_t<bool> word_starts(starts.size());
  py::array_t<uint8_t> shapes(starts.size());
  {
    const auto ns = write(new_starts), ne = write(new_ends);
    const auto w = write(word_starts);
    const auto h = write(shapes);
    py::gil_scoped_release release;
    std::copy(s.begin(), s.end(), ns.begin());
    std::copy(e.begin(), e.end(), ne.begin());
    describe_pieces(characters, ns, ne, w, h);
  }
  return py::make_tuple(new_starts, new_ends, word_starts, shapes);
}

}  // namespace
}  // namespace jnrf::text

PYBIND11_MODULE(_text, m) {
  using namespace jnrf::text;
  read_marks();
  m.doc() = "Span alignment, BIO tags and a word cache for tokenizers, on plain arrays.";
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const InputError& error) {
      py::set_error(py::module_::import("jnrf_ext.errors").attr("InputError"), error.what());
    }
  });
  m.def("align", &py_align, py::arg("starts"), py::arg("ends"), py::arg("span_starts"),
        py::arg("span_ends"));
  m.def("encode_bio", &py_encode_bio, py::arg("length"), py::arg("first"), py::arg("last"),
        py::arg("begin_tag"), py::arg("inside_tag"), py::arg("outside"), py::arg("longest"));
  m.def("decode_bio", &py_decode_bio, py::arg("tags"), py::arg("parts"), py::arg("types"));
  m.def("decode_words", &py_decode_words, py::arg("tags"), py::arg("word_starts"), py::arg("parts"),
        py::arg("types"));
  m.def("unit_starts", &py_unit_starts, py::arg("text"), py::arg("starts"), py::arg("ends"));
  m.def("blank", &py_blank, py::arg("text"), py::arg("starts"), py::arg("ends"));
  m.def("words", &py_words, py::arg("text"));
  m.def("is_unspaced", &py_is_unspaced, py::arg("character"));
  m.def("inner_words", &py_inner_words, py::arg("text"), py::arg("starts"), py::arg("ends"));
  m.def("is_joining", &py_is_joining, py::arg("character"));
  m.def("best_mentions", &py_best_mentions, py::arg("log_probs"), py::arg("unit_starts"),
        py::arg("parts"), py::arg("types"));
  m.def("mention_scores", &py_mention_scores, py::arg("probabilities"), py::arg("parts"),
        py::arg("types"), py::arg("type"), py::arg("first"), py::arg("last"));
  m.def("gaps", &py_gaps, py::arg("text"), py::arg("starts"), py::arg("ends"));
  m.def("describe_pieces", &py_describe, py::arg("text"), py::arg("starts"), py::arg("ends"));
  bind_found(m);
  bind_json(m);
  bind_standoff(m);
  bind_word_cache(m);
}
