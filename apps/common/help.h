#pragma once
// The text of --help.

#include <CLI/CLI.hpp>
#include <string_view>
#include <vector>

namespace nestor {

// A row of a table below the options: an exit code or an environment variable.
struct HelpRow {
  std::string_view name;
  std::string_view meaning;
};

// Gives the command and its subcommands the format of all commands, which fits the terminal, and
// tables of the exit codes and of the environment variables that the command reads.
void set_help_format(CLI::App& app, std::vector<HelpRow> environment);

}  // namespace nestor
