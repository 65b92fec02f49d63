#pragma once
// The beginning and the end of commands that run models.

#include <CLI/CLI.hpp>
#include <functional>

namespace nestor {

// run_command() for commands with add_model_options(): --pretrained may have a value or none, and
// --help lists the environment variables of devices, cache and downloads.
int run_model_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work);

}  // namespace nestor
