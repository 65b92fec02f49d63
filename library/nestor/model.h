#pragma once
// Opening models.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nestor/export.h"
#include "nestor/preprocess.h"

namespace nestor {

// A network with its weights on a device. Immutable: any number of sessions, in any threads, share
// one and keep it alive.
class Model;

// The contents of a weight file as it describes them itself.
struct NESTOR_API ModelInfo {
  std::string network;  // "resnest50"
  int num_classes = 0;
  std::string source;               // "gluoncv", "timm", "resnest", "synthetic"
  bool synthetic = false;           // made-up weights: every answer is meaningless
  std::vector<std::string> labels;  // one a class; empty if the file has none for its classes
  Preprocess preprocess;            // how the weights' source prepares images
};

struct NESTOR_API LoadOptions {
  std::string device = "auto";  // "auto", "cpu", "cuda", "cuda:1"
  std::string network;          // if given, the file must be of this network
};

struct NESTOR_API LoadedModel {
  ModelInfo info;
  std::shared_ptr<const Model> model;
};

// Opens a weight file that nestor-convert wrote. Throws kBadInput if it cannot be read, kBadModel if
// it is not sound, lacks weights or is of another network, kUnsupported for the device.
NESTOR_API LoadedModel load_model(const std::filesystem::path& weights,
                                  const LoadOptions& options = {});

// How weights of that source prepare images for the network of `info`.
NESTOR_API Preprocess preprocess_for(const ModelInfo& info, PreprocessContract contract);

}  // namespace nestor
