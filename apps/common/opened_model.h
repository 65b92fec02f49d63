#pragma once
// From the options of a command to a model that is ready to run.

#include <string>
#include <string_view>

#include "apps/common/model_options.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/session_options.h"
#include "nestor/nestor.h"

namespace nestor {

struct OpenedModel {
  std::string command;  // that opened it, for messages
  std::string file;
  LoadedModel loaded;  // with the labels that the options name
  Preprocess preprocess;
  Session session;  // normalises as `preprocess` says

  const ModelInfo& info() const { return loaded.info; }
};

struct OpenOptions {
  std::string command;
  Task task = Task::kClassification;
  const ModelOptions& model;
  const PreprocessOptions& preprocess;
  const DeviceOptions& device;
  DetectionLimits detection = {};
};

// Loads `file`, the model of the options, and warns of synthetic weights. Throws kUnsupported if it
// is made for another task, and as load_model.
OpenedModel open_model(const std::string& file, const OpenOptions& options);

}  // namespace nestor
