// What the emulator counts, on accesses whose conflicts are known.
#include "emulator/counters.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>

#include "emulator/build.h"
#include "emulator/emulated_runtime.h"
#include "emulator/half.h"
#include "tests/simt/faults/faulty.h"
#include "tests/simt/kernels/conformance.h"
#include "tests/simt/kernels/volta_gemm.h"
#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

using simt::KernelCounters;
using simt::Options;

simt::Wavefronts shared(int num_bytes, const std::function<int(int)>& offset,
                        std::uint32_t mask = ~0u) {
  std::array<std::uint64_t, 32> offsets{};
  for (int lane = 0; lane < 32; ++lane) offsets[lane] = static_cast<std::uint64_t>(offset(lane));
  return simt::shared_wavefronts(offsets, mask, num_bytes);
}

simt::Wavefronts global(int num_bytes, const std::function<int(int)>& offset) {
  std::array<std::uint64_t, 32> offsets{};
  for (int lane = 0; lane < 32; ++lane) {
    offsets[lane] = static_cast<std::uint64_t>(4096 + offset(lane));
  }
  return simt::global_sectors(offsets, ~0u, num_bytes);
}

}  // namespace

TEST_CASE("wavefronts of shared memory", "[simt][counters]") {
  CHECK(shared(4, [](int lane) { return 4 * lane; }).needed == 1);
  CHECK(shared(4, [](int) { return 40; }).needed == 1);  // broadcast
  CHECK(shared(4, [](int lane) { return 8 * lane; }).needed == 2);
  CHECK(shared(4, [](int lane) { return 128 * lane; }).needed == 32);
  CHECK(shared(4, [](int lane) { return 132 * lane; }).needed == 1);
  CHECK(shared(2, [](int lane) { return 2 * lane; }).needed == 1);
  CHECK(shared(8, [](int lane) { return 8 * lane; }).needed == 2);
  CHECK(shared(8, [](int lane) { return 8 * lane; }).ideal == 2);
  CHECK(shared(16, [](int lane) { return 16 * lane; }).needed == 4);
  CHECK(shared(16, [](int lane) { return 16 * lane; }).ideal == 4);
  CHECK(shared(
            16, [](int lane) { return 16 * lane; }, 0xff)
            .ideal == 1);
  CHECK(shared(16, [](int lane) { return 64 * lane; }).needed == 16);
  // Rows of 32 halves, chunk c of row m at 64 m + 16 (c ^ (m / 2 % 4)): kernels.md of the project.
  const auto swizzled = [](int row, int chunk) { return 64 * row + 16 * (chunk ^ (row / 2 % 4)); };
  CHECK(shared(16, [&](int lane) { return swizzled(lane / 4, lane % 4); }).needed == 4);
  CHECK(shared(16, [&](int lane) { return swizzled(lane % 16, 1); }).needed == 4);
  CHECK(shared(16, [](int lane) { return 64 * (lane % 16) + 16; }).needed == 16);
}

TEST_CASE("sectors of global memory", "[simt][counters]") {
  CHECK(global(4, [](int lane) { return 4 * lane; }).needed == 4);
  CHECK(global(4, [](int lane) { return 4 * lane; }).ideal == 4);
  CHECK(global(4, [](int lane) { return 4 * lane + 4; }).needed == 5);
  CHECK(global(4, [](int) { return 0; }).needed == 1);
  CHECK(global(16, [](int lane) { return 16 * lane; }).needed == 16);
  CHECK(global(4, [](int lane) { return 64 * lane; }).needed == 32);
  CHECK(global(4, [](int lane) { return 64 * lane; }).ideal == 4);
}

TEST_CASE("kernels are counted by name", "[simt][counters]") {
  for (const auto order : {simt::Order::kForward, simt::Order::kRandom}) {
    Options options;
    options.order = order;
    options.count_accesses = true;
    auto owned = std::make_unique<simt::EmulatedRuntime>(options);
    simt::EmulatedRuntime& runtime = *owned;
    Device device(std::move(owned));
    const Array<std::uint16_t> matrices(device, std::vector<std::uint16_t>(256, 1));
    const Array<std::uint32_t> registers(device, 128);
    check(run_ldmatrix(4, false, {matrices.data(), registers.data()}, device.stream()));
    check(run_ldmatrix(2, true, {matrices.data(), registers.data()}, device.stream()));
    device.synchronize();
    const auto all = runtime.counters();
    REQUIRE(all.count("ldmatrix") == 1);
    const KernelCounters counters = all.at("ldmatrix");
    CHECK(counters.launches == 2);
    CHECK(counters.blocks == 2);
    CHECK(counters.warp_operations == 4);  // warp_sync and ldmatrix, twice
    // st128 of 512 bytes, twice; 4 and 2 matrices of 128 bytes.
    CHECK(counters.shared_requests == 4);
    CHECK(counters.shared_ideal == 4 + 4 + 4 + 2);
    CHECK(counters.shared_wavefronts == counters.shared_ideal);
    // ld128 of 512 bytes, twice; stores of registers are seen by race builds only.
    CHECK(counters.global_requests == (simt::kRaceBuild ? 2 + 4 + 2 : 2));
    CHECK(counters.global_sectors >= 32);
    runtime.reset_counters();
    CHECK(runtime.counters().empty());
  }
}

TEST_CASE("bank conflicts of a kernel show", "[simt][counters]") {
  Options options;
  options.count_accesses = true;
  auto owned = std::make_unique<simt::EmulatedRuntime>(options);
  simt::EmulatedRuntime& runtime = *owned;
  Device device(std::move(owned));
  const Array<std::uint16_t> a(device, std::vector<std::uint16_t>(48 * 64, 0));
  const Array<std::uint16_t> b(device, std::vector<std::uint16_t>(16 * 64, 0));
  const Array<float> c(device, 48 * 16);
  FaultyArgs args{};
  args.a = a.data();
  args.b = b.data();
  args.c = c.data();
  args.num_rows = 48;
  args.k = 64;
  check(run_faulty(Fault::kGemmRight, args, device.stream()));
  device.synchronize();
  const KernelCounters counters = runtime.counters().at("gemm");
  CHECK(counters.blocks == 2);
  CHECK(counters.mma == 2 * 2 * 4 * 2 * 2);  // blocks, warps, slices, k8, two k4 each
  CHECK(counters.barriers == 2 * 4);
  CHECK(counters.barrier_waits == 2 * 4 * 2);
  // Rows of 32 bytes without a swizzle: fragment loads of 8 rows meet in half of the banks.
  CHECK(counters.shared_wavefronts > counters.shared_ideal);
}

TEST_CASE("the main loop of volta_gemm has no bank conflicts", "[simt][counters]") {
  Options options;
  options.sm = 70;
  options.count_accesses = true;
  auto owned = std::make_unique<simt::EmulatedRuntime>(options);
  simt::EmulatedRuntime& runtime = *owned;
  Device device(std::move(owned));
  const Array<std::uint16_t> a(device, std::vector<std::uint16_t>(128 * 64, 0));
  const Array<std::uint16_t> b(device, std::vector<std::uint16_t>(128 * 64, 0));
  const Array<float> c(device, 128 * 128);
  check(volta_gemm({a.data(), b.data(), c.data(), 128, 128, 64}, device.stream()));
  device.synchronize();
  const KernelCounters counters = runtime.counters().at("volta_gemm");
  CHECK(counters.shared_ideal == 2 * 4 * 4 * (8 + 4 * 8));  // slices, warps, 4 each; STS and LDS
  CHECK(counters.shared_wavefronts == counters.shared_ideal);
  CHECK(counters.mma == 2 * 4 * 8 * 16);
  CHECK(counters.barriers == 3);
}

// build/simt/bin/nestor_simt_tests "[.speed]": how fast the emulator is, by the processor's time,
// as machines are shared.
TEST_CASE("speed of the emulator", "[.speed]") {
  const auto seconds_of = [](const std::function<void()>& work) {
    const std::clock_t begin = std::clock();
    work();
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  constexpr int kM = 1024, kN = 512, kK = 1024, kBlocks = 20000;
  auto owned = std::make_unique<simt::EmulatedRuntime>(Options{});
  simt::EmulatedRuntime& runtime = *owned;
  Device device(std::move(owned));
  const Array<std::uint16_t> a(device, std::vector<std::uint16_t>(kM * kK, 0x3c00));
  const Array<std::uint16_t> b(device, std::vector<std::uint16_t>(kN * kK, 0x3c00));
  const Array<float> c(device, kM * kN);
  const double gemm = seconds_of([&] {
    check(volta_gemm({a.data(), b.data(), c.data(), kM, kN, kK}, device.stream()));
    device.synchronize();
  });
  std::printf("volta_gemm: %.2f GMAC/s\n", 1e-9 * kM * kN * kK / gemm);

  const Array<float> input(device, std::vector<float>(128, 1.0f)), sums(device, 128);
  const double blocks = seconds_of([&] {
    for (int i = 0; i < kBlocks; ++i) {
      check(run_block_sum({input.data(), sums.data()}, device.stream()));
    }
    device.synchronize();
  });
  const auto switches = runtime.counters().at("block_sum").fiber_switches;
  std::printf("block_sum of 128 threads: %.1f us a launch, %.0f ns a switch with all its work\n",
              1e6 * blocks / kBlocks, 1e9 * blocks / static_cast<double>(switches));
}

TEST_CASE("half conversions are those of the compiler", "[simt][half]") {
  int num_wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    _Float16 half;
    std::memcpy(&half, &low, sizeof half);
    const float wanted = static_cast<float>(half), found = simt::float_from_half(bits);
    num_wrong += !(wanted == found || (wanted != wanted && found != found));
    if (wanted == wanted) num_wrong += simt::half_from_float(found) != bits;
  }
  // Around every rounding border, and a walk over all exponents.
  for (std::uint64_t bits = 0; bits < 0x100000000; bits += 0x3ff) {
    const float value = simt::float_of(static_cast<std::uint32_t>(bits));
    const auto half = static_cast<_Float16>(value);
    std::uint16_t wanted;
    std::memcpy(&wanted, &half, sizeof wanted);
    if (value == value) num_wrong += simt::half_from_float(value) != wanted;
  }
  CHECK(num_wrong == 0);
  CHECK((simt::half_from_float(std::numeric_limits<float>::quiet_NaN()) & 0x7fff) > 0x7c00);
}

TEST_CASE("several workers run the blocks of a launch", "[simt][runtime]") {
  Options options;
  options.num_workers = 3;
  Device device(std::make_unique<simt::EmulatedRuntime>(options));
  constexpr int kBlocks = 64;
  const Array<std::int32_t> values(device, std::vector<std::int32_t>(kBlocks * 64, 1));
  const Array<std::int32_t> global(device, std::vector<std::int32_t>{0, 0, 0, 0});
  const Array<std::uint32_t> bits(device, std::vector<std::uint32_t>{0, 0});
  const Array<std::int32_t> block_sums(device, kBlocks), tickets(device, kBlocks * 64);
  check(run_atomic(kBlocks,
                   {values.data(), global.data(), bits.data(), block_sums.data(), tickets.data()},
                   device.stream()));
  CHECK(global.values() == std::vector<std::int32_t>{kBlocks * 64, 1, 0, kBlocks * 64});
  CHECK(block_sums.values() == std::vector<std::int32_t>(kBlocks, 64));
}

TEST_CASE("options come from the environment, and unknown values are refused", "[simt][options]") {
  const auto with = [](const char* name, const char* value) {
    setenv(name, value, 1);
    const auto reset = [name](int*) { unsetenv(name); };
    int dummy = 0;
    const std::unique_ptr<int, decltype(reset)> guard(&dummy, reset);
    return to_string(Options::from_environment());
  };
  CHECK(with("NESTOR_SIMT_ORDER", "reverse") == "sm_80 reverse lazy copies lazy streams");
  CHECK(with("NESTOR_SIMT_COPIES", "eager") == "sm_80 forward eager copies lazy streams");
  CHECK(with("NESTOR_SIMT_SM", "70") == "sm_70 forward lazy copies lazy streams");
  CHECK_THROWS(with("NESTOR_SIMT_ORDER", "backwards"));
  CHECK_THROWS(with("NESTOR_SIMT_SM", "7x"));
  Options options;
  options.sm = 60;
  CHECK_THROWS(simt::EmulatedRuntime(options));
}

}  // namespace nestor::test
