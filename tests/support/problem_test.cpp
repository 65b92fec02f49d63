#include "tests/support/problem.h"

#include <catch2/catch.hpp>
#include <limits>
#include <stdexcept>

#include "tests/support/bfloat16.h"
#include "tests/support/compare.h"

namespace nestor::test {

TEST_CASE("problem strings are read word by word", "[support][cpu]") {
  const Problem problem("n2_c64_h57_w56_k64_r3_s3_g2_radix2_bias_bf16");
  CHECK(problem.number("h") == 57);
  CHECK(problem.number("radix") == 2);
  CHECK(problem.number("r") == 3);
  CHECK(problem.number("stride", 1) == 1);
  CHECK(problem.has("bias"));
  CHECK_FALSE(problem.has("relu"));
  CHECK(problem.precision() == Precision::kBf16);
  CHECK(Problem("c1").precision() == Precision::kFp32);
  CHECK_THROWS_AS(problem.number("avd"), std::invalid_argument);
  for (const char* const wrong : {"n2_q3", "n2_n2", "bias_bias", "n2x", "", "n2__c3", "bf17"}) {
    CHECK_THROWS_AS(Problem(wrong), std::invalid_argument);
  }
}

TEST_CASE("comparing: NaN and infinities always fail, with coordinates and the problem",
          "[support][cpu]") {
  const Tolerance exact = tolerance(DType::kFloat32);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const float good[] = {1, 2, 3, 4};
  CHECK(mismatch(good, good, {2, 2}, exact, "p") == "");
  for (const float bad : {nan, inf, -inf, 3.1F}) {
    const float got[] = {1, 2, bad, 4};
    using Catch::Contains;
    CHECK_THAT(
        mismatch(got, good, {2, 2}, exact, "n1_c2"),
        Contains("n1_c2: at [1, 0] of [2, 2]") && Contains("expected 3") && Contains("1 of 4"));
    CHECK_THAT(mismatch(got, got, {2, 2}, exact, "p"), bad == 3.1F ? Contains("") : Contains("at"));
    CHECK(difference(got, good, {2, 2}, "p") != "");
  }
  CHECK(mismatch(good, {good, 3}, {2, 2}, exact, "p") != "");
}

TEST_CASE("bfloat16: to nearest, ties to even", "[support][cpu]") {
  CHECK(round_to_bfloat16(1.0F) == 1.0F);
  CHECK(round_to_bfloat16(1.0F + 0x1p-8F) == 1.0F);                // tie, down to even
  CHECK(round_to_bfloat16(1.0F + 3 * 0x1p-8F) == 1.0F + 0x1p-6F);  // tie, up to even
  CHECK(round_to_bfloat16(1.0F + 0x1p-8F + 0x1p-20F) == 1.0F + 0x1p-7F);
}

}  // namespace nestor::test
