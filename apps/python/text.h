#pragma once
// Strings and errors between C++ and Python.

#include <nanobind/nanobind.h>

#include <filesystem>
#include <string_view>

#include "nestor/error.h"

namespace nestor::python {

// Bytes that are not UTF-8, as file names in messages may have, are replaced.
nanobind::object to_python(std::string_view text);

// In the encoding of the file system, as os.fsencode.
std::filesystem::path path_of(const nanobind::handle& text);

// An instance of nestor.Error.
nanobind::object to_python(const Error& error);

// Lets every nestor::Error that leaves a function of the module be a nestor.Error.
void translate_errors();

}  // namespace nestor::python
