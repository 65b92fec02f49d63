#include "tests/simt/kernels/volta_gemm.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

std::vector<std::uint16_t> halves(int count, int factor, int modulus) {
  std::vector<std::uint16_t> values(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const auto half = static_cast<_Float16>(i * factor % modulus - modulus / 2);
    std::memcpy(&values[i], &half, sizeof half);
  }
  return values;
}

}  // namespace

TEST_CASE("a tensor-core main loop multiplies matrices", "[simt][device][mma]") {
  constexpr int kM = 256, kN = 128, kK = 96;
  for_each_device(70, [](Device& device) {
    const Array<std::uint16_t> a(device, halves(kM * kK, 5, 7)), b(device, halves(kN * kK, 3, 11));
    const Array<float> c(device, kM * kN);
    check(volta_gemm({a.data(), b.data(), c.data(), kM, kN, kK}, device.stream()));
    const std::vector<float> found = c.values();
    int num_wrong = 0;
    for (int m = 0; m < kM; ++m) {
      for (int n = 0; n < kN; ++n) {
        int sum = 0;
        for (int k = 0; k < kK; ++k) {
          sum += ((m * kK + k) * 5 % 7 - 3) * ((n * kK + k) * 3 % 11 - 5);
        }
        num_wrong += found[m * kN + n] != static_cast<float>(sum);
      }
    }
    CHECK(num_wrong == 0);
  });
}

}  // namespace nestor::test
