#include "library/network_size.h"

#include <algorithm>

#include "engine/check.h"
#include "graphs/zoo.h"

namespace nestor {

int smallest_side(const ModelInfo& info) {
  const Network* const network = find_network(info.network);
  CHECK(network != nullptr, "there is no network {}", info.network);
  return smallest_side(*network);
}

void require_network_size(const PreparedImage& prepared, int smallest_side) {
  const Image& image = prepared.image;
  const auto [shorter, longer] = std::minmax(image.width, image.height);
  CHECK_AS(kBadInput, shorter >= smallest_side && longer <= kLargestInputSide,
           "{}: {} x {} pixels as the network would see it, which takes {} to {} a side",
           prepared.name, image.width, image.height, smallest_side, kLargestInputSide);
}

}  // namespace nestor
