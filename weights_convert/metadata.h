#pragma once
// What a converted file says about itself.

#include <optional>
#include <string>
#include <vector>

#include "engine/weights/metadata.h"
#include "graphs/zoo.h"
#include "nestor/preprocess.h"

namespace nestor {

struct ModelFacts {
  const Network* network = nullptr;
  NetworkOptions options;
  std::string source;               // "gluoncv", "timm", "resnest", "cadene", "nestor", "synthetic"
  std::string source_sha256;        // of the file that was given; empty if there was none
  std::vector<std::string> labels;  // of all classes, or none
  bool synthetic = false;           // made-up weights: the classes mean nothing
  std::optional<Preprocess> preprocess = {};  // nothing: as the source evaluates the network
  Metadata notes = {};                        // whatever else, under any other keys
};

// The metadata of a model file under the keys of engine/weights/metadata.h.
Metadata model_metadata(const ModelFacts& facts);

// Where `own` are the metadata of a model file of the same network with as many classes: adds its
// labels, preprocessing and notes to the facts that have none. Leaves out what is not valid.
void carry_over(const Metadata& own, ModelFacts& facts);

// The number of classes of a model file of that network; nothing if it is none.
std::optional<int> known_classes(const Metadata& own, const Network& network);

// The source that a file's own metadata name, if it is one that exists.
std::optional<std::string> known_source(const Metadata& own);

}  // namespace nestor
