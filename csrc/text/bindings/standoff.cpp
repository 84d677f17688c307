// The lines of brat standoff for mentions and relations, straight from the Python objects.
//
// Predictions are mostly these two kinds, hundreds a note. Whether brat can hold the names is
// checked on the way; what is wrong with one that it cannot hold is for Python to say.
#include <algorithm>
#include <utility>
#include <vector>

#include "text/bindings/writing.h"

namespace jnrf::text {
namespace {

// Whether a string is of one character or more, none of them white space or `excluded`.
bool is_word(const py::handle& object, char32_t excluded = ' ') {
  if (!PyUnicode_Check(object.ptr())) return false;
  const Characters word = characters_of(py::reinterpret_borrow<py::str>(object));
  for (int64_t i = 0; i < word.size; ++i) {
    if (is_space(word[i]) || word[i] == excluded) return false;
  }
  return word.size > 0;
}

bool is_id(const py::handle& object, char32_t start) {
  return is_word(object) && characters_of(py::reinterpret_borrow<py::str>(object))[0] == start;
}

// Where text[offset:] would start: before 0 counts from the end, outside is the nearest end.
int64_t place(const py::handle& offset, int64_t size) {
  const py::ssize_t at = PyNumber_AsSsize_t(offset.ptr(), nullptr);
  if (at == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
}

void add_one_line(Writing& lines, const py::object& text) {
  if (!PyUnicode_Check(text.ptr())) throw py::type_error("the text of a mention must be str");
  lines.add_on_one_line(characters_of(text));
}

void add_fragments(Writing& lines, const Items& fragments, const Characters& text,
                   const py::object& mention) {
  std::vector<std::pair<int64_t, int64_t>> places;
  for (py::ssize_t f = 0; f < fragments.size(); ++f) {
    const Items fragment(fragments[f]);
    if (fragment.size() != 2) throw py::value_error("a fragment must be a start and an end");
    const py::object start = fragment[0], end = fragment[1];
    if (f > 0) lines.add(';');
    lines.add(start);
    lines.add(' ');
    lines.add(end);
    if (text.size > 0) places.emplace_back(place(start, text.size), place(end, text.size));
  }
  lines.add('\t');
  if (text.size == 0) {
    add_one_line(lines, names().text.of(mention));
    return;
  }
  for (size_t f = 0; f < places.size(); ++f) {
    const auto [start, end] = places[f];
    if (f > 0) lines.add(' ');
    if (start < end) lines.add_on_one_line(text.part(start, end));
  }
}

// The T lines, or None where brat cannot hold a name or an id.
py::object mention_lines(const py::str& text, const py::handle& mentions) {
  const Characters characters = characters_of(text);
  const Items items(mentions);
  Writing lines;
  for (py::ssize_t i = 0; i < items.size(); ++i) {
    const py::object mention = items[i];
    const py::object id = names().id.of(mention), type = names().type.of(mention);
    if (!is_id(id, 'T') || !is_word(type)) return py::none();
    lines.add(id);
    lines.add('\t');
    lines.add(type);
    lines.add(' ');
    add_fragments(lines, Items(names().fragments.of(mention)), characters, mention);
    lines.add('\n');
  }
  return lines.str();
}

// Role:ID, where the event that the file named comes before the mention that it resolves to.
bool add_argument(Writing& lines, const py::object& relation, const Name& role_name,
                  const Name& ref_name, const Name& mention_name) {
  const py::object role = role_name.of(relation);
  py::object end = ref_name.of(relation);
  const int given = PyObject_IsTrue(end.ptr());
  if (given < 0) throw py::error_already_set();
  if (given == 0) end = mention_name.of(relation);
  if (!is_word(role) || !is_word(end, ':')) return false;
  lines.add(' ');
  lines.add(role);
  lines.add(':');
  lines.add(end);
  return true;
}

// The R lines, or None where brat cannot hold a name or an id.
py::object relation_lines(const py::handle& relations) {
  const Items items(relations);
  const AnnotationNames& n = names();
  Writing lines;
  for (py::ssize_t i = 0; i < items.size(); ++i) {
    const py::object relation = items[i];
    const py::object id = n.id.of(relation), type = n.type.of(relation);
    if (!is_id(id, 'R') || !is_word(type)) return py::none();
    lines.add(id);
    lines.add('\t');
    lines.add(type);
    if (!add_argument(lines, relation, n.head_role, n.head_ref, n.head) ||
        !add_argument(lines, relation, n.tail_role, n.tail_ref, n.tail)) {
      return py::none();
    }
    lines.add('\n');
  }
  return lines.str();
}

}  // namespace

void bind_standoff(py::module_& m) {
  m.def("mention_lines", &mention_lines, py::arg("text"), py::arg("mentions"));
  m.def("relation_lines", &relation_lines, py::arg("relations"));
}

}  // namespace jnrf::text
