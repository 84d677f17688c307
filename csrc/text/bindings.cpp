// Python bindings of the torch-free host routines for text.
//
// Arrays come in as numpy and go out as numpy; the work itself runs without the GIL.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "text/bio.h"
#include "text/error.h"
#include "text/pieces.h"
#include "text/spans.h"
#include "text/units.h"
#include "text/word_cache.h"

namespace py = pybind11;

namespace jnrf::text {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

template <typename T>
std::span<const T> read(const Array<T>& array, const char* name) {
  if (array.ndim() != 1) {
    throw InputError(std::string(name) + " must have one dimension, has " +
                     std::to_string(array.ndim()));
  }
  return {array.data(), static_cast<size_t>(array.size())};
}

template <typename T>
std::span<T> write(py::array_t<T>& array) {
  return {array.mutable_data(), static_cast<size_t>(array.size())};
}

template <typename T>
py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

Characters characters_of(const py::str& text) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(text.ptr()) != 0) throw py::error_already_set();
#endif
  return {PyUnicode_DATA(text.ptr()), static_cast<int>(PyUnicode_KIND(text.ptr())),
          PyUnicode_GET_LENGTH(text.ptr())};
}

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

py::array_t<bool> py_unit_starts(const py::str& text, const Array<int32_t>& starts) {
  const auto s = read(starts, "starts");
  const Characters characters = characters_of(text);
  py::array_t<bool> out(starts.size());
  const auto o = write(out);
  py::gil_scoped_release release;
  unit_starts(characters, s, o);
  return out;
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

// A WordCache and the lock that makes it safe to share between Python threads.
class Words {
 public:
  Words(bool all_separators, size_t max_bytes)
      : cache_(all_separators ? WordCache::Separators::kAll : WordCache::Separators::kPlain,
               max_bytes) {}

  py::tuple encode(const py::str& text, const py::function& encode_words) {
    const Characters characters = characters_of(text);
    // The GIL must be let go of before waiting for the lock: its holder may need the GIL.
    py::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(mutex_);
    cache_.limit();
    std::vector<Word> words, unseen;
    cache_.split(characters, words, unseen);
    if (!unseen.empty()) {
      try {
        learn(text, characters, unseen, encode_words);
      } catch (...) {
        cache_.clear();  // it holds words without wordpieces
        throw;
      }
    }
    return assemble(words);
  }

  size_t size() {
    py::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(mutex_);
    return cache_.size();
  }

 private:
  // Asks `encode_words(list of str)` for (counts, ids, starts, ends) of the words not yet known.
  void learn(const py::str& text, const Characters& characters, const std::vector<Word>& unseen,
             const py::function& encode_words) {
    py::gil_scoped_acquire acquire;
    py::list asked;
    for (const Word& word : unseen) {
      asked.append(py::reinterpret_steal<py::object>(
          PyUnicode_Substring(text.ptr(), word.start, word.start + word.length)));
    }
    const py::tuple answer = encode_words(asked);
    const Array<int64_t> counts(answer[0]);
    const Array<int32_t> ids(answer[1]), starts(answer[2]), ends(answer[3]);
    const auto n = read(counts, "counts");
    const auto id = read(ids, "ids"), s = read(starts, "starts"), e = read(ends, "ends");
    int64_t total = 0;
    for (const int64_t count : n) total += count;
    if (n.size() != unseen.size() || total != ids.size() || s.size() != id.size() ||
        e.size() != id.size()) {
      throw InputError("the tokenizer's answer does not fit the words it was asked for");
    }
    std::vector<Piece> pieces;
    std::vector<int32_t> piece_starts, piece_ends;
    std::vector<uint8_t> shapes;
    size_t from = 0;
    for (size_t w = 0; w < unseen.size(); ++w) {
      const size_t count = n[w];
      piece_starts.assign(s.begin() + from, s.begin() + from + count);
      piece_ends.assign(e.begin() + from, e.begin() + from + count);
      shapes.assign(count, 0);
      const auto word_starts = std::make_unique<bool[]>(count);
      describe_pieces(characters.part(unseen[w].start, unseen[w].start + unseen[w].length),
                      piece_starts, piece_ends, {word_starts.get(), count}, shapes);
      pieces.clear();
      for (size_t i = 0; i < count; ++i) {
        pieces.push_back({id[from + i], piece_starts[i], piece_ends[i], shapes[i], word_starts[i]});
      }
      cache_.fill(unseen[w].entry, pieces);
      from += count;
    }
  }

  py::tuple assemble(const std::vector<Word>& words) {
    size_t total = 0;
    for (const Word& word : words) total += cache_.pieces(word.entry).size();
    py::gil_scoped_acquire acquire;
    const auto size = static_cast<py::ssize_t>(total);
    py::array_t<int32_t> ids(size), starts(size), ends(size);
    py::array_t<bool> word_starts(size);
    py::array_t<uint8_t> shapes(size);
    int32_t *id = ids.mutable_data(), *start = starts.mutable_data(), *end = ends.mutable_data();
    bool* word_start = word_starts.mutable_data();
    uint8_t* shape = shapes.mutable_data();
    {
      py::gil_scoped_release release;
      for (const Word& word : words) {
        const auto offset = static_cast<int32_t>(word.start);
        for (const Piece& piece : cache_.pieces(word.entry)) {
          *id++ = piece.id;
          *start++ = offset + piece.start;
          *end++ = offset + piece.end;
          *word_start++ = piece.word_start;
          *shape++ = piece.shape;
        }
      }
    }
    return py::make_tuple(ids, starts, ends, word_starts, shapes);
  }

  std::mutex mutex_;
  WordCache cache_;
};

}  // namespace
}  // namespace jnrf::text

PYBIND11_MODULE(_text, m) {
  using namespace jnrf::text;
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
  m.def("unit_starts", &py_unit_starts, py::arg("text"), py::arg("starts"));
  m.def("best_mentions", &py_best_mentions, py::arg("log_probs"), py::arg("unit_starts"),
        py::arg("parts"), py::arg("types"));
  m.def("describe_pieces", &py_describe, py::arg("text"), py::arg("starts"), py::arg("ends"));
  py::class_<Words>(m, "WordCache")
      .def(py::init<bool, size_t>(), py::arg("all_separators"), py::arg("max_bytes"))
      .def("encode", &Words::encode, py::arg("text"), py::arg("encode_words"))
      .def("__len__", &Words::size);
}
