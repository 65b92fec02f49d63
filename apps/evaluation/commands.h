#pragma once
// The subcommands of nestor-eval.

#include <CLI/CLI.hpp>
#include <functional>

namespace nestor {

// What a command does when it was chosen; returns the exit code.
using Work = std::function<int()>;

// Each adds a subcommand that sets `chosen` if it is given.
void add_coco_command(CLI::App& app, Work& chosen);
void add_voc_command(CLI::App& app, Work& chosen);
void add_ade20k_command(CLI::App& app, Work& chosen);
void add_imagenet_command(CLI::App& app, Work& chosen);

}  // namespace nestor
