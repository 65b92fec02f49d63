#pragma once
// What a converted file says about itself.

#include <map>
#include <string>
#include <vector>

#include "graphs/zoo.h"

namespace nestor {

struct ModelFacts {
  const Network* network = nullptr;
  NetworkOptions options;
  std::string source;               // "gluoncv", "timm", "resnest", "nestor", "synthetic"
  std::string source_sha256;        // of the file that was given; empty where there was none
  std::vector<std::string> labels;  // of all classes, or none
  bool synthetic = false;           // made-up weights: the classes mean nothing
  // Whatever else, under any other keys.
  std::map<std::string, std::string, std::less<>> notes = {};
};

// The metadata of a model file under the keys of engine/weights/weight_file.h.
std::map<std::string, std::string, std::less<>> model_metadata(const ModelFacts& facts);

}  // namespace nestor
