// Pieces of PTX text.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "tests/ptx/machine/operation.h"

namespace nestor::ptx {

std::string_view trim(std::string_view s);
std::vector<std::string_view> split(std::string_view s, char at);
// At commas that are not inside brackets.
std::vector<std::string_view> split_operands(std::string_view s);
bool is_name_char(char c);
i64 number(std::string_view s);
u64 round_up(u64 value, u64 to);

// The names of types, comparisons and special registers.
extern const std::map<std::string_view, Type> kTypes;
extern const std::map<std::string_view, Compare> kCompares;
extern const std::map<std::string_view, SpecialRegister> kSpecials;

}  // namespace nestor::ptx
