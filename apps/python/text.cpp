#include "apps/python/text.h"

namespace nestor::python {

namespace nb = nanobind;

nb::object to_python(std::string_view text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

std::filesystem::path path_of(const nb::handle& text) {
  const nb::object encoded = nb::steal(PyUnicode_EncodeFSDefault(text.ptr()));
  if (!encoded.is_valid()) throw nb::python_error();
  const auto bytes = nb::borrow<nb::bytes>(encoded);
  return std::string(bytes.c_str(), bytes.size());
}

nb::object to_python(const Error& error) {
  return nb::module_::import_("nestor.errors")
      .attr("Error")(to_python(error.what()), to_string(error.code()));
}

void translate_errors() {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      const nb::object exception = to_python(error);
      PyErr_SetObject(exception.type().ptr(), exception.ptr());
    }
  });
}

}  // namespace nestor::python
