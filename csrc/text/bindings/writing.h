// A string that grows by what Python objects say.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include "text/bindings/arrays.h"

namespace jnrf::text {

// Whoever calls these holds the GIL. Errors of Python come out as py::error_already_set.
class Writing {
 public:
  void add(std::string_view ascii) { written_.append(ascii.begin(), ascii.end()); }
  void add(char ascii) { written_.push_back(static_cast<unsigned char>(ascii)); }

  void add(const Characters& characters);

  // A line break becomes a space, so that what is added stays on one line.
  void add_on_one_line(const Characters& characters);

  // What f"{object}" would be.
  void add(const py::handle& object);

  py::str str() const;

 private:
  template <typename Change>
  void add_changed(const Characters& characters, Change change);

  std::u32string written_;
};

// An attribute's name, made once, as looking attributes up wants it.
class Name {
 public:
  explicit Name(const char* name) : name_(PyUnicode_InternFromString(name)) {
    if (name_ == nullptr) throw py::error_already_set();
  }
  py::object of(const py::handle& object) const {
    PyObject* value = PyObject_GetAttr(object.ptr(), name_);
    if (value == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(value);
  }
  void set(const py::handle& object, const py::handle& value) const {
    if (PyObject_SetAttr(object.ptr(), name_, value.ptr()) != 0) throw py::error_already_set();
  }

 private:
  PyObject* name_;  // kept for good: the interpreter may be gone before static objects are
};

// The attributes of mentions and relations (jnrf_ext/documents/document.py).
struct AnnotationNames {
  Name id{"id"}, type{"type"}, fragments{"fragments"}, text{"text"}, score{"score"};
  Name head{"head"}, head_role{"head_role"}, head_ref{"head_ref"};
  Name tail{"tail"}, tail_role{"tail_role"}, tail_ref{"tail_ref"};
};

inline const AnnotationNames& names() {
  static const AnnotationNames* const made = new AnnotationNames;
  return *made;
}

// The items of a sequence, which stays as it is while they are gone through.
class Items {
 public:
  explicit Items(const py::handle& sequence)
      : items_(py::reinterpret_steal<py::object>(
            PySequence_Fast(sequence.ptr(), "a sequence is needed"))) {
    if (!items_) throw py::error_already_set();
  }
  py::ssize_t size() const { return PySequence_Fast_GET_SIZE(items_.ptr()); }
  py::object operator[](py::ssize_t i) const {
    return py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(items_.ptr(), i));
  }

 private:
  py::object items_;
};

}  // namespace jnrf::text
