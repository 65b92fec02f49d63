#pragma once
// Options whose value is one of a few words.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace nestor {

// Accepts the words only; its message lists them.
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace nestor
