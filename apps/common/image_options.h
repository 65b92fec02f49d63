#pragma once
// The command-line options that name images and say how they are decoded.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/preprocess_options.h"
#include "apps/common/shard.h"

namespace nestor {

struct ImageOptions {
  std::vector<std::string> images;
  bool recursive = true;
  Shard shard;
  PreprocessOptions preprocess;
};

// IMAGE..., --no-recursive, --shard and those of decoding.
void add_image_options(CLI::App& app, ImageOptions& options);

// The images that the options name, of the shard if there is one; `command` says which files of folders are left out. Throws
// kUsage if none is named, kBadInput as expand_inputs.
std::vector<std::string> named_images(std::string_view command, const ImageOptions& options);

}  // namespace nestor
