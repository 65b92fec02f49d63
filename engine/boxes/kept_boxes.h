#pragma once
// Greedy non-maximum suppression: boxes come in the order of their scores, and each stays if no box
// that stayed before overlaps it by more than a threshold. Exactly as overlap() says, several boxes
// at a time.

#include <cstddef>
#include <cstdint>

#include "engine/boxes/box.h"

namespace nestor {

// The boxes that stayed. Allocates nothing: lives in memory of the caller's.
class KeptBoxes {
 public:
  // Floats that `most` boxes take.
  static std::size_t num_floats(std::int64_t most);

  KeptBoxes(float* memory, std::int64_t most);

  std::int64_t size() const { return size_; }

  // Whether no box here overlaps `box` by more than `threshold`.
  bool admits(const Box& box, float threshold) const;

  // Of `most` boxes at most.
  void add(const Box& box);

 private:
  float *x1_, *y1_, *x2_, *y2_, *area_;
  std::int64_t size_ = 0;
};

}  // namespace nestor
