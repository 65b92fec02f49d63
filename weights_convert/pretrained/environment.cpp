#include "weights_convert/pretrained/environment.h"

#include <cstdlib>

namespace nestor {

namespace fs = std::filesystem;

fs::path from_environment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? fs::path() : fs::path(value);
}

fs::path first_set(std::initializer_list<std::pair<const char*, const char*>> places) {
  for (const auto& [variable, below] : places) {
    const fs::path folder = from_environment(variable);
    if (!folder.empty()) return *below == '\0' ? folder : folder / below;
  }
  return {};
}

}  // namespace nestor
