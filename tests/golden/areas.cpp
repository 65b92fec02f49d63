// The list of kinds of golden data.

#include "tests/golden/golden.h"

namespace nestor::golden {

std::span<const Area> areas() {
  static constexpr Area kAreas[] = {
      {"classification", compare_classification},
      {"detection", compare_detection},
      {"formats", compare_formats},
      {"preprocessing", compare_preprocessing},
      {"segmentation", compare_segmentation},
  };
  return kAreas;
}

}  // namespace nestor::golden
