#pragma once
// UTF-8 of unknown origin.

#include <cstddef>
#include <string_view>

namespace nestor {

// Bytes of the well-formed character that text begins with; 0 if it begins with none.
std::size_t utf8_character_bytes(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace nestor
