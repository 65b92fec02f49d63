#pragma once
// Which of an image's rows are in use, as a step before says on the device: regions of a detector.
// Plain C++.

#include <cstdint>

namespace nestor {

// Rows of images, one image's behind the other's, of which each image's first count[image] are in
// use.
struct CountedRows {
  const std::int32_t* count = nullptr;  // [images]; negative: none is in use. Null: all rows are
  int per_image = 1;
};

}  // namespace nestor
