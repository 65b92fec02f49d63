#pragma once
// Options whose value is one of a few words.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace nestor {

// Accepts the words only; its message lists them.
CLI::Validator one_of(std::vector<std::string> words);

// The words of an option that one_of() checks; of others none.
std::vector<std::string> words_of(const CLI::Option& option);

}  // namespace nestor
