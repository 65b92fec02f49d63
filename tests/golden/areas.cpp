// The list of kinds of golden data.

#include "tests/golden/golden.h"

namespace nestor::golden {

std::span<const Area> areas() {
  static constexpr Area kAreas[] = {
      {"detection", skip_detection},
      {"preprocessing", compare_preprocessing},
      {"segmentation", skip_segmentation},
  };
  return kAreas;
}

}  // namespace nestor::golden
