#include "tests/ptx/machine/text.h"

#include <cctype>
#include <string>

namespace nestor::ptx {

std::string_view trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> split(std::string_view s, char at) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= s.size(); ++i) {
    if (i == s.size() || s[i] == at) {
      parts.push_back(trim(s.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return parts;
}

std::vector<std::string_view> split_operands(std::string_view s) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '{' || s[i] == '[') ++depth;
    if (s[i] == '}' || s[i] == ']') --depth;
    if (s[i] == ',' && depth == 0) {
      parts.push_back(trim(s.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (!trim(s.substr(begin)).empty()) parts.push_back(trim(s.substr(begin)));
  return parts;
}

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' ||
         c == '.';
}

i64 number(std::string_view s) {
  const std::string text(s);
  std::size_t used = 0;
  i64 value = 0;
  if (!text.empty() && text[0] == '-') {
    value = std::stoll(text, &used, 0);
  } else {
    value = static_cast<i64>(std::stoull(text, &used, 0));
  }
  if (used != text.size() && text.substr(used) != "U") throw Fault("no number: " + text);
  return value;
}

u64 round_up(u64 value, u64 to) { return (value + to - 1) / to * to; }

}  // namespace nestor::ptx
