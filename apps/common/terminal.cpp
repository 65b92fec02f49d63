#include "apps/common/terminal.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace nestor {

namespace {

constexpr std::size_t kDefaultColumns = 80;

std::size_t columns_of_environment() {
  const char* const text = std::getenv("COLUMNS");
  std::size_t columns = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), columns);
  return columns > 0 ? columns : kDefaultColumns;
}

}  // namespace

std::size_t terminal_columns(int descriptor) {
  winsize size = {};
  const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : columns_of_environment();
}

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent,
                    std::size_t begun) {
  std::string lines;
  std::size_t column = begun;
  const auto break_line = [&] {
    lines += '\n';
    column = 0;
  };
  bool first = true;  // of its line
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (!word.empty()) {
      if (!first && column + 1 + word.size() > columns) {
        break_line();
        first = true;
      }
      if (!first) lines += ' ';
      if (column < indent) {
        lines.append(indent - column, ' ');
        column = indent;
      }
      lines += word;
      column += word.size() + (first ? 0 : 1);
      first = false;
    }
    if (end < text.size() && text[end] == '\n') {
      break_line();
      first = true;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace nestor
