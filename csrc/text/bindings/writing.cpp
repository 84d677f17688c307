#include "text/bindings/writing.h"

#include <charconv>

namespace jnrf::text {

template <typename Change>
void Writing::add_changed(const Characters& characters, Change change) {
  const size_t at = written_.size();
  written_.resize(at + characters.size);
  char32_t* out = written_.data() + at;
  with_width(characters, [&](const auto* data) {
    for (int64_t i = 0; i < characters.size; ++i) out[i] = change(char32_t{data[i]});
  });
}

void Writing::add(const Characters& characters) {
  add_changed(characters, [](char32_t c) { return c; });
}

void Writing::add_on_one_line(const Characters& characters) {
  add_changed(characters, [](char32_t c) { return c == '\n' || c == '\r' ? U' ' : c; });
}

void Writing::add(const py::handle& object) {
  if (PyUnicode_CheckExact(object.ptr())) {
    add(characters_of(py::reinterpret_borrow<py::str>(object)));
    return;
  }
  if (PyLong_CheckExact(object.ptr())) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
    if (overflow == 0) {
      char digits[24];
      const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
      add(std::string_view(digits, end - digits));
      return;
    }
  }
  const auto said = py::reinterpret_steal<py::str>(PyObject_Format(object.ptr(), nullptr));
  if (!said) throw py::error_already_set();
  add(characters_of(said));
}

py::str Writing::str() const {
  PyObject* made =
      PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, written_.data(), written_.size());
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

}  // namespace jnrf::text
