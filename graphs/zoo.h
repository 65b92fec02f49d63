#pragma once
// The list of networks.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/graph/graph.h"
#include "nestor/detection_limits.h"
#include "nestor/preprocess.h"
#include "nestor/task.h"
#include "nestor/tensor.h"

namespace nestor {

class GraphBuilder;

// The setting in which a classifier's published accuracy was measured.
struct EvaluationSetting {
  int input_size = 224;       // pixels a side, after cropping
  double crop_ratio = 0.875;  // input_size / short side after resizing (gluoncv, timm)
  std::string_view timm_interpolation = "bilinear";  // Pillow kernel of timm's setting
  double timm_crop_ratio = 0.875;
};

inline constexpr int kSmallestInputSide = 32;  // of most networks, in pixels

// A classifier's output is "logits", float32 [n, num_classes].
struct Classification {
  EvaluationSetting evaluation = {};
  int num_classes = 1000;                     // of the published weights
  std::string_view features = "avgpool";      // the pooled features that the last layer reads
  std::string_view published_by = "gluoncv";  // whose setting goes with weights of no known source
  int smallest_side = kSmallestInputSide;
};

// A detector's images keep their aspect ratio.
struct Detection {
  int short_side = 800;
  int longest_side = 1333;
  int num_classes = 80;
  int smallest_side = kSmallestInputSide;
};

// A segmenter's output is "classes", the class of each pixel, uint8 [n, height, width] (int32 if
// there are more than 256); whole images run in their own size.
struct Segmentation {
  int crop_size = 480;  // of its training and its published figures
  int num_classes = 150;
  int smallest_side = 5;  // with less, GluonCV's ResNeSt has nothing left to pool
  std::string_view auxiliary = "auxlayer.";  // before the names of parameters that only training
                                             // uses; empty: there are none
};

// One for each task, in the order of the tasks.
using Contract = std::variant<Classification, Detection, Segmentation>;

struct NetworkOptions {
  int num_classes = 1000;
  DetectionLimits detection = {};  // of detectors
  bool auxiliary = false;          // with what only training uses
};

struct Network {
  std::string_view name;    // "resnest50", as GluonCV spells it
  std::string_view family;  // "resnest", "resnet", ...: picks the rename tables of the converter
  Contract contract;
  // Adds the network to the builder, from its input (normalised float32 [n, 3, h, w]) to its
  // outputs.
  void (*build)(GraphBuilder& builder, ValueId input, const Network& network,
                const NetworkOptions& options);
};

Task task(const Network& network);
int num_classes(const Network& network);    // of its published weights
int smallest_side(const Network& network);  // that it takes, in pixels

// The contract of a classifier; throws kUnsupported for a network of another task.
const Classification& classification(const Network& network);

// One normalised image of the size that the network was measured with.
Shape nominal_input(const Network& network);

inline constexpr int kLargestInputSide = 65'535;  // that networks take, in pixels

// All networks in the order in which they are listed for users.
std::span<const Network> networks();

// Null if there is no network of that name.
const Network* find_network(std::string_view name);

// The message for a name that no network has, with the one that was probably meant.
std::string unknown_network(std::string_view name);

// How weights of that source ("gluoncv", "timm", "cadene", "resnest"; of any other: as GluonCV or
// timm, whoever published the network's) want images for the network.
Preprocess evaluation_preprocess(const Network& network, std::string_view source);

// The network's graph for inputs [batch, 3, height, width]. Throws kBadInput for inputs that the
// network cannot take (a side below smallest_side()).
Graph build_graph(const Network& network, const NetworkOptions& options, const Shape& input);

// One parameter of a network under its canonical (GluonCV structural) name.
struct Parameter {
  std::string name;
  Shape shape;
  bool per_class = false;                          // the number of classes is in its shape
  std::int64_t rows_of_class = 1, other_rows = 0;  // in its first dimension then
  bool optional = false;  // only training uses it: it may be missing, with all others of that kind
};
// In the file's order.
std::vector<Parameter> parameters(const Network& network, const NetworkOptions& options);

// Multiply-adds of all convolutions and fully connected layers for one image.
std::int64_t multiply_adds(const Network& network, int height, int width);

}  // namespace nestor
