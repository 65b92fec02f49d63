#pragma once
// Collects output tensors over all batches of a run and writes them as one safetensors file.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nestor/session.h"

namespace nestor {

class SavedTensors {
 public:
  // Appends each output along its first dimension. Shapes may differ in that one only.
  void add(std::span<const Session::Output> outputs);

  // float32, in the shapes of the run (NCHW). Appears whole or not at all.
  void write(const std::filesystem::path& path) const;

 private:
  struct Tensor {
    Shape shape;
    std::vector<float> data;
  };
  std::map<std::string, Tensor> tensors_;
};

}  // namespace nestor
