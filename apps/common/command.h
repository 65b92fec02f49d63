#pragma once
// The beginning and the end of every command.

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

#include "apps/common/help.h"

namespace nestor {

// Parses the arguments, then runs `work` and returns its exit code. Errors are printed to standard
// error as "<command>: <message>" and become the exit codes of engine/error.h, usage errors 2.
// --help, which lists exit codes and `environment`, and --version are added and handled here, and
// "--completion SHELL" as the only arguments, for installations (completion.h).
int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work,
                std::vector<HelpRow> environment = {});

// "nestor 0.1.0 (commit ...), g++ 12.2.0, oneDNN 2.6.3"
std::string version_text();

}  // namespace nestor
