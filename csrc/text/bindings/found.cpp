// Python's mentions and relations of what was decoded, made from columns.
//
// A call of a dataclass and its f-strings cost microseconds, and every prediction makes hundreds a
// note while other threads wait for the GIL. The fields set here are those of
// jnrf_ext/documents/document.py.
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "text/bindings/writing.h"

namespace jnrf::text {
namespace {

// An object of a class with slots, its fields not yet set.
py::object blank(const py::object& kind) {
  auto* type = reinterpret_cast<PyTypeObject*>(kind.ptr());
  if (!PyType_Check(kind.ptr())) throw py::type_error("a class is needed");
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// T1, T2, ... : the first thousands are made once and shared.
class Numbered {
 public:
  explicit Numbered(char letter) : letter_(letter) {}

  py::object operator[](size_t number) {
    if (number > kKept) return made(number);
    while (kept_.size() < number) kept_.push_back(made(kept_.size() + 1).release().ptr());
    return py::reinterpret_borrow<py::object>(kept_[number - 1]);
  }

 private:
  static constexpr size_t kKept = 4096;
  py::str made(size_t number) const { return py::str(letter_ + std::to_string(number)); }

  char letter_;
  std::vector<PyObject*> kept_;  // under the GIL
};

// ((start, end),). Numbers are in no cycle, so the collector of garbage need not look at it.
py::object one_fragment(int32_t start, int32_t end) {
  py::tuple fragment(2), fragments(1);
  PyTuple_SET_ITEM(fragment.ptr(), 0, py::int_(start).release().ptr());
  PyTuple_SET_ITEM(fragment.ptr(), 1, py::int_(end).release().ptr());
  PyObject_GC_UnTrack(fragment.ptr());
  PyTuple_SET_ITEM(fragments.ptr(), 0, fragment.release().ptr());
  PyObject_GC_UnTrack(fragments.ptr());
  return fragments;
}

Numbered& mention_ids() {
  static Numbered& ids = *new Numbered('T');
  return ids;
}

size_t checked(int64_t index, size_t size, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= size) {
    throw InputError(std::string(what) + " " + std::to_string(index) + " is not one of " +
                     std::to_string(size));
  }
  return static_cast<size_t>(index);
}

// `kind` is the class. Types are indices into `types`, first and last into the n starts and ends
// of rows; without scores they are None.
py::list make_mentions(const py::object& kind, const py::str& text, const Array<int32_t>& starts,
                       const Array<int32_t>& ends, const py::list& types,
                       const Array<int64_t>& type, const Array<int64_t>& first,
                       const Array<int64_t>& last, const std::optional<Array<double>>& scores) {
  const AnnotationNames& name = names();
  const auto s = read(starts, "starts"), e = read(ends, "ends");
  const auto t = read(type, "type"), f = read(first, "first"), l = read(last, "last");
  const auto p = scores ? read(*scores, "scores") : std::span<const double>();
  if (s.size() != e.size() || t.size() != f.size() || t.size() != l.size() ||
      (scores && t.size() != p.size())) {
    throw InputError("the columns of mentions must have one length");
  }
  py::list mentions(t.size());
  for (size_t m = 0; m < t.size(); ++m) {
    const int32_t start = s[checked(f[m], s.size(), "row")];
    const int32_t end = e[checked(l[m] - 1, e.size(), "row")];
    const auto said =
        py::reinterpret_steal<py::object>(PyUnicode_Substring(text.ptr(), start, end));
    if (!said) throw py::error_already_set();
    py::object mention = blank(kind);
    name.id.set(mention, mention_ids()[m + 1]);
    name.type.set(mention, PyList_GET_ITEM(types.ptr(), checked(t[m], types.size(), "type")));
    name.fragments.set(mention, one_fragment(start, end));
    name.text.set(mention, said);
    name.score.set(mention, scores ? py::object(py::float_(p[m])) : py::none());
    PyList_SET_ITEM(mentions.ptr(), m, mention.release().ptr());
  }
  return mentions;
}

// A list of relations for each document: R1, R2, ... in their order. `head`, `tail` are indices
// into the mentions of all documents, `owner` the document of each of these, `number` its place
// there; `type` are indices into `types`.
py::list make_relations(const py::object& kind, size_t documents, const Array<int64_t>& owner,
                        const Array<int64_t>& number, const py::list& types,
                        const Array<int64_t>& head, const Array<int64_t>& tail,
                        const Array<int64_t>& type, const Array<double>& scores) {
  static Numbered& ids = *new Numbered('R');
  static PyObject* const head_said = PyUnicode_InternFromString("Arg1");
  static PyObject* const tail_said = PyUnicode_InternFromString("Arg2");
  const AnnotationNames& name = names();
  const auto o = read(owner, "owner"), n = read(number, "number");
  const auto h = read(head, "head"), l = read(tail, "tail"), t = read(type, "type");
  const auto p = read(scores, "scores");
  if (o.size() != n.size() || h.size() != l.size() || h.size() != t.size() ||
      h.size() != p.size()) {
    throw InputError("the columns of relations must have one length");
  }
  py::list made(documents);
  for (size_t d = 0; d < documents; ++d) PyList_SET_ITEM(made.ptr(), d, py::list().release().ptr());
  for (size_t r = 0; r < h.size(); ++r) {
    const size_t from = checked(h[r], o.size(), "mention"), to = checked(l[r], o.size(), "mention");
    PyObject* relations = PyList_GET_ITEM(made.ptr(), checked(o[from], documents, "document"));
    py::object relation = blank(kind);
    name.id.set(relation, ids[PyList_GET_SIZE(relations) + 1]);
    name.type.set(relation, PyList_GET_ITEM(types.ptr(), checked(t[r], types.size(), "type")));
    name.head.set(relation, mention_ids()[n[from] + 1]);
    name.tail.set(relation, mention_ids()[n[to] + 1]);
    name.score.set(relation, py::float_(p[r]));
    name.head_role.set(relation, head_said);
    name.tail_role.set(relation, tail_said);
    name.head_ref.set(relation, py::none());
    name.tail_ref.set(relation, py::none());
    if (PyList_Append(relations, relation.ptr()) != 0) throw py::error_already_set();
  }
  return made;
}

}  // namespace

void bind_found(py::module_& m) {
  m.def("make_mentions", &make_mentions, py::arg("kind"), py::arg("text"), py::arg("starts"),
        py::arg("ends"), py::arg("types"), py::arg("type"), py::arg("first"), py::arg("last"),
        py::arg("scores"));
  m.def("make_relations", &make_relations, py::arg("kind"), py::arg("documents"), py::arg("owner"),
        py::arg("number"), py::arg("types"), py::arg("head"), py::arg("tail"), py::arg("type"),
        py::arg("scores"));
}

}  // namespace jnrf::text
