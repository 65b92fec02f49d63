#pragma once
// Whether a file has exactly the tensors of a network.

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphs/zoo.h"
#include "nestor/tensor.h"

namespace nestor {

struct NamedTensor {
  std::string name;         // canonical, or as in the file if the network has no such parameter
  std::string source_name;  // as in the file
  TensorDesc desc;
};

// What the names of a file could be of, besides tensors: "numpy ndarray", by their names in the
// file.
using ObjectNames = std::map<std::string, std::string, std::less<>>;

// For each parameter the index of its tensor. Throws kBadModel, naming file and network, with the
// numbers of tensors that are missing, unexpected, there twice, or of another shape, and a line for
// each of the first of them.
std::vector<std::size_t> match_parameters(std::span<const Parameter> parameters,
                                          std::span<const NamedTensor> tensors,
                                          const std::string& file, const std::string& network,
                                          const ObjectNames& objects = {});

// The parameters that a file with these tensors should have: without the optional ones if it has
// none of them.
std::vector<Parameter> without_absent(std::vector<Parameter> parameters,
                                      std::span<const NamedTensor> tensors);

// The number of classes if the tensors are the network's but for that number; nothing if they are
// not.
std::optional<int> classes_of(std::span<const Parameter> parameters,
                              std::span<const NamedTensor> tensors);

}  // namespace nestor
