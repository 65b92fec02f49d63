#pragma once
// Conversion: a weight file of GluonCV or PyTorch to Nestor's own format.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/zoo.h"
#include "weights_convert/readers/registry.h"

namespace nestor {

struct ConversionOptions {
  std::string network;                          // a name of the zoo
  NetworkOptions network_options;               // the number of classes
  std::optional<std::filesystem::path> labels;  // text file, one class a line
  std::string source;         // "gluoncv", "timm", "resnest" or "nestor", for weights trained by
                              // this project; empty: told by hash and names
  std::string source_sha256;  // that the input must have; empty: any
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
};

// Bytes of a file that was written; 0 for a device such as /dev/null.
std::uint64_t written_bytes(const std::filesystem::path& output);

// A model file of Nestor's own keeps its labels, preprocessing and notes where `options` do not
// give others (metadata.h).
//
// Reads `input`, whose format is told by its content, checks that it holds exactly the network's
// tensors, and writes them under canonical names. `output` appears when it is complete;
// no more than one tensor is in memory beside the mapped input. Throws
//   kUsage     for an unknown network, or an output that is not a regular file,
//   kBadInput  for files that cannot be opened, and labels that are not one for each class,
//   kBadModel  for an input that is not sound, does not fit the network (every missing, unexpected
//              and misshapen tensor is listed), does not have the hash that its name or
//              `source_sha256` promises, or holds a value that `storage` cannot.
Conversion convert(const std::filesystem::path& input, const std::filesystem::path& output,
                   const ConversionOptions& options);

// The network of that name; throws kUsage, listing all, where there is none.
const Network& require_network(std::string_view name);

// One label a line. Throws kBadInput where there are not `num_classes`, or not in UTF-8.
std::vector<std::string> read_labels(const std::filesystem::path& path, int num_classes);

}  // namespace nestor
