#pragma once
// Folders that environment variables name.

#include <filesystem>
#include <initializer_list>
#include <utility>

namespace nestor {

// Empty if the variable is not set.
std::filesystem::path from_environment(const char* variable);

// The folder below the first of the variables that is set; empty if none is.
std::filesystem::path first_set(std::initializer_list<std::pair<const char*, const char*>> places);

}  // namespace nestor
