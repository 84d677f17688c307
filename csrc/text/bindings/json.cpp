// Mentions and relations as JSON, in the words of json.dumps(..., ensure_ascii=False).
//
// Unset fields are left out, as jnrf_ext/documents/dict_writer.py has it. Of objects that hold
// other types than document.py names nothing is made: Python writes these.
#include <cmath>
#include <memory>

#include "text/bindings/writing.h"

namespace jnrf::text {
namespace {

// Each returns false, and has written who knows what, for a type that is not expected.
class Json {
 public:
  bool string(const py::object& value) {
    if (!PyUnicode_CheckExact(value.ptr())) return false;
    const Characters characters = characters_of(value);
    out_.add('"');
    with_width(characters, [&](const auto* data) {
      int64_t from = 0;  // of those that stand as they are, and were not yet written
      for (int64_t i = 0; i < characters.size; ++i) {
        if (data[i] >= 0x20 && data[i] != '"' && data[i] != '\\') continue;
        out_.add(characters.part(from, i));
        escape(data[i]);
        from = i + 1;
      }
      out_.add(characters.part(from, characters.size));
    });
    out_.add('"');
    return true;
  }

  bool whole(const py::object& value) {
    if (!PyLong_CheckExact(value.ptr())) return false;
    out_.add(value);
    return true;
  }

  bool number(const py::object& value) {
    if (!PyFloat_CheckExact(value.ptr())) return whole(value);
    const double number = PyFloat_AS_DOUBLE(value.ptr());
    if (!std::isfinite(number)) return false;
    const std::unique_ptr<char, void (*)(void*)> said(
        PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr), PyMem_Free);
    if (!said) throw py::error_already_set();
    out_.add(std::string_view(said.get()));
    return true;
  }

  bool fragments(const py::object& value) {
    if (!PyTuple_CheckExact(value.ptr()) && !PyList_CheckExact(value.ptr())) return false;
    const Items items(value);
    out_.add('[');
    for (py::ssize_t f = 0; f < items.size(); ++f) {
      const Items fragment(items[f]);
      out_.add(f > 0 ? ", [" : "[");
      for (py::ssize_t i = 0; i < fragment.size(); ++i) {
        if (i > 0) out_.add(", ");
        if (!whole(fragment[i])) return false;
      }
      out_.add(']');
    }
    out_.add(']');
    return true;
  }

  // A field that is there unless it is None.
  bool optional_string(std::string_view key, const py::object& value) {
    if (value.is_none()) return true;
    out_.add(key);
    return string(value);
  }
  bool optional_number(std::string_view key, const py::object& value) {
    if (value.is_none()) return true;
    out_.add(key);
    return number(value);
  }

  void add(std::string_view ascii) { out_.add(ascii); }
  py::str str() const { return out_.str(); }

 private:
  void escape(char32_t c) {
    static constexpr char kDigits[] = "0123456789abcdef";
    switch (c) {
      case '"':
        return out_.add("\\\"");
      case '\\':
        return out_.add("\\\\");
      case '\b':
        return out_.add("\\b");
      case '\f':
        return out_.add("\\f");
      case '\n':
        return out_.add("\\n");
      case '\r':
        return out_.add("\\r");
      case '\t':
        return out_.add("\\t");
      default:
        out_.add("\\u00");
        out_.add(kDigits[c >> 4]);
        out_.add(kDigits[c & 15]);
    }
  }

  Writing out_;
};

bool add_mention(Json& json, const py::object& mention) {
  const AnnotationNames& n = names();
  json.add("{\"id\": ");
  if (!json.string(n.id.of(mention))) return false;
  json.add(", \"type\": ");
  if (!json.string(n.type.of(mention))) return false;
  json.add(", \"fragments\": ");
  if (!json.fragments(n.fragments.of(mention))) return false;
  json.add(", \"text\": ");
  if (!json.string(n.text.of(mention))) return false;
  if (!json.optional_number(", \"score\": ", n.score.of(mention))) return false;
  json.add("}");
  return true;
}

// A role, or None where it is the one that goes without saying.
py::object role(const py::object& value, const char* usual) {
  const bool is_usual = PyUnicode_CheckExact(value.ptr()) &&
                        PyUnicode_CompareWithASCIIString(value.ptr(), usual) == 0;
  return is_usual ? py::none() : value;
}

bool add_relation(Json& json, const py::object& relation) {
  const AnnotationNames& n = names();
  json.add("{\"id\": ");
  if (!json.string(n.id.of(relation))) return false;
  json.add(", \"type\": ");
  if (!json.string(n.type.of(relation))) return false;
  json.add(", \"head\": ");
  if (!json.string(n.head.of(relation))) return false;
  json.add(", \"tail\": ");
  if (!json.string(n.tail.of(relation))) return false;
  const bool rest =
      json.optional_number(", \"score\": ", n.score.of(relation)) &&
      json.optional_string(", \"head_role\": ", role(n.head_role.of(relation), "Arg1")) &&
      json.optional_string(", \"tail_role\": ", role(n.tail_role.of(relation), "Arg2")) &&
      json.optional_string(", \"head_ref\": ", n.head_ref.of(relation)) &&
      json.optional_string(", \"tail_ref\": ", n.tail_ref.of(relation));
  json.add("}");
  return rest;
}

// The list of all items, or None where one of them holds what is not expected.
template <bool (*add_item)(Json&, const py::object&)>
py::object list_of(const py::handle& sequence) {
  const Items items(sequence);
  Json json;
  json.add("[");
  for (py::ssize_t i = 0; i < items.size(); ++i) {
    if (i > 0) json.add(", ");
    if (!add_item(json, items[i])) return py::none();
  }
  json.add("]");
  return json.str();
}

}  // namespace

void bind_json(py::module_& m) {
  m.def("json_mentions", &list_of<add_mention>, py::arg("mentions"));
  m.def("json_relations", &list_of<add_relation>, py::arg("relations"));
}

}  // namespace jnrf::text
