// What tuning files depend on.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <vector>

#include "engine/backends/cuda/cuda_backend.h"
#include "kernels/convolution/tiles.h"

namespace nestor {

TEST_CASE("tuning: a new tile of one architecture leaves the files of others valid",
          "[cuda_plan][cpu]") {
  std::vector<ConvolutionTile> tiles(std::begin(kConvolutionTiles), std::end(kConvolutionTiles));
  const auto digest = [&](int sm) {
    return tiles_digest(tiles.data(), static_cast<int>(tiles.size()), sm);
  };
  const std::uint64_t volta = digest(70), turing = digest(75), ampere = digest(80);
  CHECK(volta == convolution_tiles_digest(70));
  CHECK(digest(90) == ampere);  // the same kernels
  tiles.insert(tiles.begin(),
               {"convolution_sm80_96x96", MmaFamily::kAmpere, 96, 96, 48, 48, 1, 3, 2, 16});
  CHECK(digest(70) == volta);
  CHECK(digest(75) == turing);
  CHECK(digest(80) != ampere);
  tiles.front().family = MmaFamily::kFma;  // which every architecture runs
  CHECK(digest(70) != volta);
  CHECK(digest(75) != turing);
}

TEST_CASE("tuning: keys have the digest of the architecture's own tiles", "[cuda_plan][cpu]") {
  const auto kernels = [](std::string_view device) {
    return CudaBackend(*find_device_spec(device)).tuning_key(Precision::kFp16)->kernels;
  };
  CHECK(kernels("sm_70") != kernels("sm_80"));
  CHECK(kernels("sm_80") == kernels("sm_90a"));
  CHECK(kernels("sm_70").ends_with(fmt::format("{:016x}", convolution_tiles_digest(70))));
}

}  // namespace nestor
