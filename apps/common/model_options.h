#pragma once
// The command-line options that name a model.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/pretrained_options.h"

namespace nestor {

struct ModelOptions {
  std::string weights;
  std::string network;
  std::optional<std::string> pretrained;  // which of the official weights, or kAnyWeights
  std::string labels;                     // a file; empty: the model's own
  PretrainedOptions download;
};

// --weights, --pretrained, --network, and those that say how weights are downloaded.
void add_weights_options(CLI::App& app, ModelOptions& options);

// These and --labels.
void add_model_options(CLI::App& app, ModelOptions& options);

// The path of the model's file, which is fetched first if need be; `command` says so. Throws kUsage
// if no weights are named.
std::string model_file(std::string_view command, const ModelOptions& options);

// All that a command with these options reads: `images`, the model's `file`, labels.
std::vector<std::string> files_read(std::vector<std::string> images, const std::string& file,
                                    const ModelOptions& options);

}  // namespace nestor
