#pragma once
// What all commands share: how they begin and how they end.

#include <CLI/CLI.hpp>
#include <functional>

namespace nestor {

// Parses the arguments, then runs `work` and returns its exit code. Errors are printed to stderr as
// "<command>: <message>" and become exit codes as design.md section 7 says; --help and --version
// are added and handled here.
int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work);

// "nestor 0.1.0 (commit ...), g++ 12.2.0, oneDNN 2.6.3"
std::string version_text();

}  // namespace nestor
