#include "engine/finite.h"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

namespace nestor {

TEST_CASE("the first number that is none is found wherever it stands", "[finite][cpu]") {
  std::vector<float> values(10'000, std::numeric_limits<float>::max());
  values[7] = std::numeric_limits<float>::denorm_min();
  CHECK_FALSE(first_not_finite(values));
  CHECK_FALSE(first_not_finite({}));
  for (const std::size_t idx : {std::size_t{9'999}, std::size_t{4'096}, std::size_t{4'095},
                                std::size_t{1}, std::size_t{0}}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      values[idx] = bad;
      CHECK(first_not_finite(values) == idx);
    }
  }
}

}  // namespace nestor
