#pragma once
// The command-line options of commands that detect objects.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nestor/nestor.h"

namespace nestor {

struct DetectionOptions {
  DetectionLimits limits;
  std::vector<std::string> classes;  // names or numbers; empty: all
  std::optional<int> short_side, longest_side;
  bool no_resize = false;
};

// --thresh, --nms, --post-nms, --classes.
void add_detection_options(CLI::App& app, DetectionOptions& options);

// --short, --max-size, --no-resize.
void add_size_options(CLI::App& app, DetectionOptions& options);

// `preprocess` with the sizes that the options change.
Preprocess sized_by(const DetectionOptions& options, Preprocess preprocess);

// The numbers of the classes that the options name, ascending; empty: all. Throws kUsage, with the
// one that was probably meant, if the model has no class of that name or number.
std::vector<int> classes_of(const DetectionOptions& options, const ModelInfo& info);

}  // namespace nestor
