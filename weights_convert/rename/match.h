#pragma once
// Whether a file has exactly the tensors of a network.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "graphs/zoo.h"
#include "nestor/tensor.h"

namespace nestor {

struct NamedTensor {
  std::string name;         // canonical, or as in the file where the network has no such parameter
  std::string source_name;  // as in the file
  TensorDesc desc;
};

// For each parameter the index of its tensor. Throws kBadModel, naming file and network, with one
// line for every tensor that is missing, unexpected, there twice, or of another shape.
std::vector<std::size_t> match_parameters(std::span<const Parameter> parameters,
                                          std::span<const NamedTensor> tensors,
                                          const std::string& file, const std::string& network);

}  // namespace nestor
