#pragma once
// The list of networks.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"
#include "nestor/preprocess.h"
#include "nestor/tensor.h"

namespace nestor {

class GraphBuilder;

// How the published figures of a network were measured (spec/classification.md section 5).
struct EvaluationSetting {
  int input_size = 224;       // pixels a side, after cropping
  double crop_ratio = 0.875;  // input_size / short side after resizing (gluoncv, timm)
  std::string_view timm_interpolation = "bilinear";  // Pillow kernel of timm's setting
  double timm_crop_ratio = 0.875;
};

struct NetworkOptions {
  int num_classes = 1000;
};

struct Network {
  std::string_view name;    // "resnest50", as GluonCV spells it
  std::string_view family;  // "resnest", "resnet": picks the rename tables of the converter
  EvaluationSetting evaluation;
  // Adds the network to the builder, from its input (value 0, normalised float32 [n, 3, h, w]) to
  // its outputs ("logits" for classifiers).
  void (*build)(GraphBuilder& builder, const Network& network, const NetworkOptions& options);
  int num_classes = 1000;  // of its published weights
};

// What networks take, in pixels a side.
inline constexpr int kSmallestInputSide = 32;
inline constexpr int kLargestInputSide = 65'535;

// All networks in the order in which they are listed for users.
std::span<const Network> networks();

// Null where there is no network of that name.
const Network* find_network(std::string_view name);

// How the network's published figures were measured with weights of that source ("gluoncv", "timm",
// "resnest"; anything else: as GluonCV does).
Preprocess evaluation_preprocess(const Network& network, std::string_view source);

// The network's graph for inputs [batch, 3, height, width]. Throws kBadInput for inputs that the
// network cannot take (a side below 32).
Graph build_graph(const Network& network, const NetworkOptions& options, const Shape& input);

// One parameter of a network under its canonical (GluonCV structural) name, in the file's order.
struct Parameter {
  std::string name;
  Shape shape;
};
std::vector<Parameter> parameters(const Network& network, const NetworkOptions& options);

// Multiply-adds of all convolutions and fully connected layers for one image.
std::int64_t multiply_adds(const Network& network, int height, int width);

}  // namespace nestor
