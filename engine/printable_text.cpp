#include "engine/printable_text.h"

#include <fmt/format.h>

#include <iterator>

#include "engine/utf8.h"

namespace nestor {

namespace {

constexpr std::size_t kMostBytesInMessages = 200;

// Of a well-formed character.
char32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  char32_t point = lead & (0x7Fu >> character.size());
  for (const char c : character.substr(1))
    point = point << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return point;
}

bool controls(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) ||  // C0, DEL, C1
         point == 0x61C || point == 0x200E || point == 0x200F ||
         (point >= 0x2028 && point <= 0x202E) ||  // separators, directions of writing
         (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

std::string escaped(std::string_view text, std::string_view kept) {
  std::string result;
  const auto out = std::back_inserter(result);
  while (!text.empty()) {
    const std::size_t bytes = utf8_character_bytes(text);
    const std::string_view character = text.substr(0, bytes == 0 ? 1 : bytes);
    text.remove_prefix(character.size());
    const char first = character[0];
    const char32_t point = bytes == 0 ? 0 : code_point(character);
    if (bytes > 0 && (!controls(point) || kept.find(first) != std::string_view::npos)) {
      result += character;
    } else if (first == '\n' || first == '\t' || first == '\r') {
      result += first == '\n' ? "\\n" : first == '\t' ? "\\t" : "\\r";
    } else if (character.size() > 1) {
      fmt::format_to(out, "\\u{:04x}", static_cast<unsigned>(point));
    } else {
      fmt::format_to(out, "\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(first)));
    }
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, {}); }

std::string printable_lines(std::string_view text) { return escaped(text, "\n\t"); }

std::string shortened(std::string_view text) {
  if (text.size() <= kMostBytesInMessages) return printable(text);
  std::size_t end = kMostBytesInMessages;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return printable(text.substr(0, end)) + "...";
}

std::string quoted_name(std::string_view name) { return '"' + shortened(name) + '"'; }

}  // namespace nestor
