#pragma once
// Opening models.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nestor/detection_limits.h"
#include "nestor/export.h"
#include "nestor/preprocess.h"
#include "nestor/task.h"

namespace nestor {

// A network with its weights on a device. Immutable: any number of sessions, in any threads, share
// one and keep it alive.
class Model;

// The contents of a weight file as it describes them itself.
struct NESTOR_API ModelInfo {
  std::string network;  // "resnest50"
  Task task = Task::kClassification;
  int num_classes = 0;
  std::string source;               // "gluoncv", "timm", "resnest", "synthetic"
  bool synthetic = false;           // made-up weights: every answer is meaningless
  std::vector<std::string> labels;  // one a class; empty if the file has none for its classes
  Preprocess preprocess;            // how the weights' source prepares images
  std::string features;             // the tensor of pooled features, as a tap: "avgpool"
};

struct NESTOR_API LoadOptions {
  std::string device = "auto";     // "auto", "cpu", "cuda", "cuda:1"
  std::string network;             // if given, the file must be of this network
  DetectionLimits detection = {};  // of detectors
};

struct NESTOR_API LoadedModel {
  ModelInfo info;
  std::shared_ptr<const Model> model;
};

// Opens a weight file that nestor-convert wrote. Throws kBadInput if it cannot be read, kBadModel if
// it is not sound, lacks weights or is of another network, kUnsupported for the device.
NESTOR_API LoadedModel load_model(const std::filesystem::path& weights,
                                  const LoadOptions& options = {});

// The device that a model is on: "cpu", "cuda:0".
NESTOR_API std::string device_name(const Model& model);

// Why "auto" found no GPU for it; empty if it did or was not asked.
NESTOR_API std::string why_no_gpu(const Model& model);

// Names of the tensors that a session of the model can be asked for, as taps.
NESTOR_API std::vector<std::string> tap_names(const Model& model);

// Pooled features of one image; 0 for a model that does not classify.
NESTOR_API std::int64_t num_features(const LoadedModel& loaded);

// How that framework prepares images for the network of `info`, with the size, mean and std that
// its weights were trained with.
NESTOR_API Preprocess preprocess_for(const ModelInfo& info, PreprocessContract contract);

}  // namespace nestor
