#include "weights_convert/synthetic/values.h"

#include <catch2/catch.hpp>
#include <vector>

namespace nestor {

namespace {

std::vector<float> begin_of(ValueRule rule, std::optional<double> argument, std::string_view name,
                            const Shape& shape) {
  std::vector<float> values(3);
  fill_synthetic(rule, argument, name, shape, values);
  return values;
}

}  // namespace

// The values that the reference script gives, bit for bit.
TEST_CASE("synthetic values are those of the golden models", "[synthetic][convert][cpu]") {
  using Values = std::vector<float>;
  CHECK(begin_of(ValueRule::kWeight, {}, "conv1.0.weight", {32, 3, 3, 3}) ==
        Values{0x1.1d7688p-2F, 0x1.b9374ap-2F, -0x1.9978f4p-2F});
  CHECK(begin_of(ValueRule::kGamma, 0.1, "layer1.0.bn3.gamma", {256}) ==
        Values{0x1.9d4966p-4F, 0x1.82282ap-4F, 0x1.bd7b32p-4F});
  CHECK(begin_of(ValueRule::kBias, {}, "layer1.0.conv2.fc1.bias", {32}) ==
        Values{-0x1.aaadccp-5F, 0x1.279cccp-4F, -0x1.3528a6p-5F});
  CHECK(begin_of(ValueRule::kBeta, {}, "bn1.beta", {64}) ==
        Values{0x1.f7ceep-4F, 0x1.d4a4fap-4F, -0x1.80ba84p-3F});
  CHECK(begin_of(ValueRule::kWeight, {}, "fc.weight", {1000, 2048}) ==
        Values{-0x1.b3b882p-10F, 0x1.4a21e8p-5F, 0x1.afebb8p-6F});
  CHECK(begin_of(ValueRule::kOne, {}, "x", {3}) == Values{1, 1, 1});
}

TEST_CASE("synthetic rules are known by name", "[synthetic][convert][cpu]") {
  CHECK(parse_value_rule("gamma") == ValueRule::kGamma);
  CHECK_FALSE(parse_value_rule("stored"));
}

}  // namespace nestor
