#pragma once
// Names to tensors: what a model's weights are while it runs.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/weights/weight_file.h"

namespace nestor {

// The tensors of one open weight file, by name. Immutable, so any number of threads may read it;
// views stay valid as long as the store lives.
class WeightStore {
 public:
  explicit WeightStore(WeightFile file);

  // The float32 tensor of that name, aligned for its type. Throws kBadModel, naming file and
  // tensor, where it is absent, has another element type or another shape.
  TensorView get(std::string_view name, const Shape& shape) const;

  const WeightFile& file() const { return file_; }

 private:
  WeightFile file_;
  std::map<std::string, std::vector<std::byte>, std::less<>>
      realigned_;  // copies of unaligned tensors
};

}  // namespace nestor
