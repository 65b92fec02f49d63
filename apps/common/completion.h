#pragma once
// Completion of a command's options in shells, generated from the options themselves.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace nestor {

// A script for "bash", "zsh" or "fish" that completes options, their choices, files and subcommands.
// Throws kUsage for another shell.
std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace nestor
