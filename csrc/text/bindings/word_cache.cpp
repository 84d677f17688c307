// Python binding of the word cache.
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "text/bindings/arrays.h"
#include "text/word_cache.h"
#include "text/wordpieces.h"

namespace jnrf::text {
namespace {

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

void bind_word_cache(py::module_& m) {
  py::class_<Words>(m, "WordCache")
      .def(py::init<bool, size_t>(), py::arg("all_separators"), py::arg("max_bytes"))
      .def("encode", &Words::encode, py::arg("text"), py::arg("encode_words"))
      .def("__len__", &Words::size);
}

}  // namespace jnrf::text
