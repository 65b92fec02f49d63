#pragma once
// Collects output tensors over all batches of a run and writes them as one safetensors file.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "library/batch_runner.h"

namespace nestor {

class SavedTensors {
 public:
  // Appends an image's part of each output along its first dimension. Shapes may differ in that
  // one only.
  void add(const ImageOutputs& outputs);

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
