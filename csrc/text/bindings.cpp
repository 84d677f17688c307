// Python bindings of the torch-free host routines for text.
#include <pybind11/pybind11.h>

PYBIND11_MODULE(_text, m) { m.doc() = "Span alignment and BIO decoding on plain arrays."; }
