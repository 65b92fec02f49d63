#include "weights_convert/synthetic/random_weights.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

std::vector<float> values(const WeightFile& file, const std::string& name) {
  const auto data = file.find(name)->data;
  std::vector<float> result(data.size() / sizeof(float));
  std::memcpy(result.data(), data.data(), data.size());
  return result;
}

}  // namespace

TEST_CASE("random weights follow from the seed and keep activations in range",
          "[synthetic][convert][cpu]") {
  const TemporaryFolder folder;
  ConversionOptions options;
  options.network = "resnest14";
  options.num_classes = 2;
  const auto make = [&](std::uint64_t seed, const char* name) {
    convert_random(seed, folder.path() / name, options);
    return WeightFile::open(folder.path() / name);
  };
  const WeightFile first = make(1, "first"), again = make(1, "again"), other = make(2, "other");
  CHECK(first.metadata().at("nestor.synthetic") == "true");
  for (const WeightFile::Entry& entry : first.entries()) {
    INFO(entry.name);
    CHECK(std::ranges::equal(entry.data, again.find(entry.name)->data));
    CHECK_FALSE(std::ranges::equal(entry.data, other.find(entry.name)->data));
    CHECK(std::ranges::all_of(values(first, entry.name), [](float x) { return std::isfinite(x); }));
  }
  // What the last block's batch norm sees is neither gone nor out of hand.
  double sum = 0;
  const std::vector<float> variance = values(first, "layer4.0.bn3.running_var");
  for (const float x : variance) sum += x;
  const double mean = sum / static_cast<double>(variance.size());
  CHECK(mean > 0.05);
  CHECK(mean < 5);
  // Residual branches end quietly.
  for (const float x : values(first, "layer4.0.bn3.gamma")) CHECK(std::abs(x) < 0.13F);
}

}  // namespace nestor::test
