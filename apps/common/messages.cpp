#include "apps/common/messages.h"

#include <fmt/format.h>

#include <cstdio>

#include "engine/printable_text.h"

namespace nestor {

void print_message(std::string_view command, std::string_view text) {
  const std::string line = fmt::format("{}: {}\n", command, printable_lines(text));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace nestor
