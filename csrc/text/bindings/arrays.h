// Numpy arrays and Python strings as the plain views that the routines work on.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <vector>

#include "text/characters.h"
#include "text/error.h"

namespace jnrf::text {

namespace py = pybind11;

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

inline Characters characters_of(const py::str& text) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(text.ptr()) != 0) throw py::error_already_set();
#endif
  return {PyUnicode_DATA(text.ptr()), static_cast<int>(PyUnicode_KIND(text.ptr())),
          PyUnicode_GET_LENGTH(text.ptr())};
}

}  // namespace jnrf::text
