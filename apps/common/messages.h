#pragma once
// Lines on standard error.

#include <string>
#include <string_view>

namespace nestor {

// "command: text", with all control characters but line breaks made visible. A standard error that
// takes no text changes nothing else.
void print_message(std::string_view command, std::string_view text);

}  // namespace nestor
