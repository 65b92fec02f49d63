#pragma once
// The command-line options that say how images become network inputs.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nestor/nestor.h"

namespace nestor {

// Unset options keep what the model's weights demand.
struct PreprocessOptions {
  std::string contract;
  std::optional<int> crop_size;
  std::optional<double> crop_ratio;
  std::string interpolation;
  std::vector<float> mean, std;
  std::int64_t max_pixels = DecodeOptions{}.max_pixels;
  int max_side = DecodeOptions{}.max_side;
  bool lenient = false;
};

// --preprocess and the decoder's limits.
void add_decode_options(CLI::App& app, PreprocessOptions& options);

// --crop-size, --crop-ratio, --interpolation, --mean, --std.
void add_preprocess_options(CLI::App& app, PreprocessOptions& options);

DecodeOptions decode_options(const PreprocessOptions& options, PreprocessContract contract);

// The model's preprocessing with what the options change. Throws kUsage for values out of range.
Preprocess preprocess_with(const PreprocessOptions& options, const ModelInfo& info);

}  // namespace nestor
