#pragma once
// Collects output tensors over all batches of a run and writes them as one safetensors file.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "library/batch_runner.h"

namespace nestor {

class SavedTensors {
 public:
  // Appends an image's part of each output along its first dimension. Throws kUsage if shapes
  // differ in another one, as those of images of different sizes may.
  void add(const ImageOutputs& outputs);

  // In the types and shapes of the run (NCHW), with the names of the images, in the order of the
  // rows, as a JSON array under "images" in the metadata. Appears whole or not at all.
  void write(const std::filesystem::path& path, const std::vector<std::string>& images) const;

 private:
  struct Tensor {
    DType dtype = DType::kFloat32;
    Shape shape;
    std::vector<std::byte> data;
  };
  std::map<std::string, Tensor> tensors_;
};

}  // namespace nestor
