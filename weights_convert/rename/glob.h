#pragma once

#include <string_view>

namespace nestor {

// Whether the whole text matches the pattern, in which * stands for any characters and ? for one.
// Takes no more than pattern times text steps.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace nestor
