#include <cstdio>
#include <cstdlib>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

std::string edited(std::string text) {
  const char* edit = std::getenv("PTX_EDIT");
  if (edit == nullptr) return text;
  std::vector<std::string> parts;
  std::string_view rest(edit);
  for (int i = 0; i < 3; ++i) {
    const std::size_t end = rest.find(';');
    if (end == std::string_view::npos) return text;
    parts.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  const std::string replacement(rest);
  const int wanted = std::atoi(parts[1].c_str());
  std::string result;
  bool here = false;
  int seen = 0, changed = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.find(".entry") != std::string::npos) {
      here = line.find(parts[0]) != std::string::npos;
      seen = 0;
    }
    const std::size_t place = line.find(parts[2]);
    if (here && place != std::string::npos && (++seen == wanted || wanted == 0)) {
      line.replace(place, parts[2].size(), replacement);
      ++changed;
    }
    result += line + '\n';
  }
  if (changed != 0) std::fprintf(stderr, "ptx machine: EDITED %d lines\n", changed);
  return result;
}

}  // namespace nestor::ptx
