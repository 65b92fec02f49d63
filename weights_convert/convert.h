#pragma once
// Conversion: a weight file of GluonCV or PyTorch to Nestor's own format.

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/zoo.h"
#include "nestor/preprocess.h"
#include "weights_convert/labels.h"
#include "weights_convert/readers/registry.h"

namespace nestor {

// What a fine-tuned model was trained with, if not with what its source evaluates the network with.
struct PreprocessChanges {
  std::optional<int> crop_size;
  std::optional<double> crop_ratio;
  std::optional<Interpolation> interpolation;
  std::optional<std::array<float, 3>> mean, std;

  // Throws kUsage for values out of range.
  void apply(Preprocess& preprocess) const;
};

inline constexpr int kClassesOfFile = 0;

struct ConversionOptions {
  std::string network;  // a name of the zoo; empty: told by the file's hash or tensors
  std::optional<int>
      num_classes;  // kClassesOfFile: as many as its last layer has; nothing: one for
                    // each label, else as the file says of itself, else the network's
  std::optional<std::filesystem::path> labels;  // see labels.h
  std::string source;         // "gluoncv", "timm", "resnest" or "nestor", for weights trained by
                              // this project; empty: told by hash and names
  std::string source_sha256;  // that the input must have; empty: any
  std::optional<Preprocess> preprocess = {};  // nothing: as the file's hash, its own metadata or
                                              // its source say
  PreprocessChanges changes = {};
  std::vector<std::string> ignore = {};  // globs of names of tensors that are not looked at
  ReadOptions reading = {};
  DType storage = DType::kFloat32;  // kFloat16: of tensors with two dimensions or more. Vectors
                                    // (biases, batch norms) are few, and variances may be tiny.
  // More metadata: accuracy, licence, ...
  std::map<std::string, std::string, std::less<>> notes = {};
};

struct Conversion {
  std::string source;
  std::string source_sha256;
  std::uint64_t input_bytes = 0, output_bytes = 0;
  std::size_t num_tensors = 0;
  std::string network;
  int num_classes = 0;
  std::vector<std::string> remarks;  // what was decided or left out that the user may want to know
};

// Bytes of a file that was written; 0 for a device such as /dev/null.
std::uint64_t written_bytes(const std::filesystem::path& output);

// A model file of Nestor's own keeps its labels, preprocessing and notes if `options` do not
// give others (metadata.h).
//
// Reads `input`, whose format is told by its content, checks that it holds exactly the network's
// tensors, and writes them under canonical names. `output` appears when it is complete;
// no more than one tensor is in memory beside the mapped input. Throws
//   kUsage     for an unknown network, or an output that is not a regular file,
//   kBadInput  for files that cannot be opened, and labels that are not one for each class,
//   kBadModel  for an input that is not sound, does not fit the network (which one it fits is said
//              if there is one, else the first tensors that are missing, unexpected or misshapen),
//              does not have the hash that its name or `source_sha256` promises, or holds a value
//              that `storage` cannot.
Conversion convert(const std::filesystem::path& input, const std::filesystem::path& output,
                   const ConversionOptions& options);

// The network of that name; throws kUsage, listing all, if there is none.
const Network& require_network(std::string_view name);

}  // namespace nestor
