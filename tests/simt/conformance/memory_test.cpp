// ldmatrix, copies beside the thread, and atomics.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/simt/kernels/conformance.h"
#include "tests/simt/support/device.h"

namespace nestor::test {

TEST_CASE("ldmatrix gives each lane its two values of every matrix", "[simt][device][ldmatrix]") {
  for_each_device(75, [](Device& device) {
    std::vector<std::uint16_t> matrices(4 * 64);
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      matrices[i] = static_cast<std::uint16_t>(i * 37 + 5);
    }
    const Array<std::uint16_t> device_matrices(device, matrices);
    for (const bool transpose : {false, true}) {
      for (const int num : {1, 2, 4}) {
        const Array<std::uint32_t> registers(device, std::vector<std::uint32_t>(32 * 4, 0));
        check(run_ldmatrix(num, transpose, {device_matrices.data(), registers.data()},
                           device.stream()));
        const std::vector<std::uint32_t> result = registers.values();
        int num_wrong = 0;
        for (int lane = 0; lane < 32; ++lane) {
          for (int m = 0; m < num; ++m) {
            const int row = lane / 4, column = 2 * (lane % 4);
            const auto value = [&](int r, int c) -> std::uint32_t {
              return matrices[m * 64 + (transpose ? c * 8 + r : r * 8 + c)];
            };
            num_wrong +=
                result[4 * lane + m] != (value(row, column) | value(row, column + 1) << 16);
          }
        }
        INFO("x" << num << (transpose ? " trans" : ""));
        CHECK(num_wrong == 0);
      }
    }
  });
}

TEST_CASE("async copies arrive in groups and fill with zeros", "[simt][device][async_copy]") {
  for_each_device(80, [](Device& device) {
    std::vector<std::uint8_t> source(3 * 32 * 16);
    std::vector<std::int32_t> num_bytes(3 * 32);
    for (std::size_t i = 0; i < source.size(); ++i) {
      source[i] = static_cast<std::uint8_t>(i * 7 % 251 + 1);
    }
    for (std::size_t i = 0; i < num_bytes.size(); ++i) {
      num_bytes[i] = static_cast<std::int32_t>(i % 17);  // 0 to 16
    }
    const Array<std::uint8_t> device_source(device, source), result(device, source.size());
    const Array<std::int32_t> device_bytes(device, num_bytes);
    for (const bool cached : {false, true}) {
      check(run_async_copy(cached, {device_source.data(), device_bytes.data(), result.data()},
                           device.stream()));
      const std::vector<std::uint8_t> found = result.values();
      int num_wrong = 0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        const bool there = static_cast<std::int32_t>(i % 16) < num_bytes[i / 16];
        num_wrong += found[i] != (there ? source[i] : 0);
      }
      CHECK(num_wrong == 0);
    }
  });
}

TEST_CASE("atomics of integers add up whatever the order", "[simt][device][atomic]") {
  constexpr int kBlocks = 5, kThreads = kBlocks * 64;
  for_each_device(70, [](Device& device) {
    std::vector<std::int32_t> values(kThreads);
    for (int i = 0; i < kThreads; ++i) values[i] = i * 977 % 311 - 150;
    const Array<std::int32_t> device_values(device, values);
    const Array<std::int32_t> global(device, std::vector<std::int32_t>{0, -1000, 1000, 0});
    const Array<std::uint32_t> bits(device, std::vector<std::uint32_t>{0, 0});
    const Array<std::int32_t> block_sums(device, kBlocks), tickets(device, kThreads);
    check(run_atomic(
        kBlocks,
        {device_values.data(), global.data(), bits.data(), block_sums.data(), tickets.data()},
        device.stream()));
    std::int32_t sum = 0;
    std::uint32_t set = 0;
    std::vector<std::int32_t> sums(kBlocks, 0), order(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      sum += values[i];
      sums[i / 64] += values[i];
      set |= 1u << (static_cast<std::uint32_t>(values[i]) % 32);
      order[i] = i;
    }
    CHECK(global.values() ==
          std::vector<std::int32_t>{sum, *std::max_element(values.begin(), values.end()),
                                    *std::min_element(values.begin(), values.end()), kThreads});
    CHECK(bits.values() == std::vector<std::uint32_t>{set, 1000});
    CHECK(block_sums.values() == sums);
    std::vector<std::int32_t> found = tickets.values();
    std::sort(found.begin(), found.end());
    CHECK(found == order);
  });
}

}  // namespace nestor::test
