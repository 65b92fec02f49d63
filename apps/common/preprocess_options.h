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
  std::uint64_t decode_memory = 0;  // bytes; 0: DecodeMemory's own choice
  std::string orientation = "ignore";
};

// --preprocess, --orientation and the decoder's limits.
void add_decode_options(CLI::App& app, PreprocessOptions& options);

// --crop-size, --crop-ratio, --interpolation, --mean, --std.
void add_preprocess_options(CLI::App& app, PreprocessOptions& options);

// With a memory budget of their own, which all who decode should share.
DecodeOptions decode_options(const PreprocessOptions& options, PreprocessContract contract);

// `preprocess` with what the options change. Throws kUsage for values out of range.
Preprocess changed_by(const PreprocessOptions& options, Preprocess preprocess);

// The same for the model's preprocessing, or that of the contract which the options name.
Preprocess preprocess_with(const PreprocessOptions& options, const ModelInfo& info);

}  // namespace nestor
