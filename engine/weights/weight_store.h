#pragma once
// Names to tensors: what a model's weights are while it runs.

#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/weights/weight_file.h"

namespace nestor {

// The tensors of one open weight file, by name. Immutable, so any number of threads may read it;
// views stay valid as long as the store lives.
class WeightStore {
 public:
  explicit WeightStore(WeightFile file);

  // The tensor of that name as float32, aligned for its type. Throws kBadModel, naming file and
  // tensor, if it is absent, has another shape, or is not of F32, F16 or BF16.
  TensorView get(std::string_view name, const Shape& shape) const;

  const WeightFile& file() const { return file_; }

 private:
  WeightFile file_;
  // Of the entries that the file does not have as aligned float32 (float16 and bfloat16 widened,
  // which is exact, and those at odd addresses): all copies in one block, and where each begins.
  std::vector<float> copies_;
  std::vector<std::size_t> copy_begins_;  // one an entry, kNoCopy for the others
};

}  // namespace nestor
