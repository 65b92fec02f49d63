#include "engine/backends/cuda/device_spec.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "engine/backends/cuda/gemm_model.h"
#include "engine/backends/cuda/half.h"

namespace nestor {

TEST_CASE("device specs: peaks follow from clocks, multiprocessors and multiply-adds",
          "[cuda_plan][cpu]") {
  CHECK(device_specs().size() == 6);
  for (const DeviceSpec& spec : device_specs()) {
    INFO(spec.name);
    const double sms = spec.multiprocessors;
    CHECK(2e-3 * sms * spec.clock_ghz * spec.tensor_macs == Approx(spec.fp16_tflops).epsilon(0.02));
    // H200's data sheet quotes fp32 at another clock than the tensor cores.
    CHECK(2e-3 * sms * spec.clock_ghz * spec.fp32_macs == Approx(spec.fp32_tflops).epsilon(0.09));
    CHECK(spec.shared_block <= spec.shared_sm);
    CHECK(find_device_spec(spec.name) == &spec);
    CHECK(device_spec_for(spec.sm) == &spec);
  }
  CHECK(find_device_spec("sm_60") == nullptr);
  CHECK(device_spec_for(60) == nullptr);
  CHECK(device_spec_for(72)->name == "sm_70");
  CHECK(device_spec_for(100)->name == "sm_90a");
}

// `python3 problems.py --network resnest50 --batch 16 --tiles v100` on the same tiles.
TEST_CASE("gemm model: the times of the tile plan", "[cuda_plan][cpu]") {
  const DeviceSpec& v100 = *find_device_spec("sm_70");
  const cuda::GemmTile tile{.m = 128,
                            .n = 128,
                            .k = 32,
                            .warps = 4,
                            .warp_m = 64,
                            .warp_n = 64,
                            .sliced = 1,
                            .shared_bytes = 32768,
                            .blocks = 2};
  // Stage 1's shortcut: 56x56, 64 -> 256 channels. 49.0 us with 784 tiles in 4.90 waves.
  const std::int64_t m = 16 * 56 * 56;
  const cuda::GemmProblem shortcut{
      .m = m, .n = 256, .k = 64, .tensor_bytes = 2 * m * (64 + 256), .weight_bytes = 2 * 256 * 65};
  const cuda::GemmTime time = cuda::gemm_time(shortcut, tile, 1, v100);
  CHECK(time.waves == Approx(4.90));
  CHECK(time.us == Approx(49.0).epsilon(0.02));
  CHECK(cuda::gemm_time(shortcut, tile, 2, v100).us > time.us);

  // Stage 2's first 3x3: 56x56, 2 groups of 64 -> 128 channels. 176.0 us with the halo form of
  // 256x64, 784 tiles in 4.90 waves; the same tile in the plain form reads each tap from L2.
  const cuda::GemmTile halo{.m = 256,
                            .n = 64,
                            .k = 32,
                            .warps = 4,
                            .warp_m = 64,
                            .warp_n = 64,
                            .sliced = 1,
                            .shared_bytes = 36864,
                            .blocks = 2,
                            .patch = 256 + 2 * 57};
  const cuda::GemmProblem grouped{.m = m,
                                  .n = 128,
                                  .k = 576,
                                  .groups = 2,
                                  .taps = 9,
                                  .tensor_bytes = 2 * m * (128 + 256),
                                  .weight_bytes = 2 * 256 * 577};
  const cuda::GemmTime patch = cuda::gemm_time(grouped, halo, 1, v100);
  CHECK(patch.waves == Approx(4.90));
  CHECK(patch.us == Approx(176.0).epsilon(0.01));
  cuda::GemmTile plain = halo;
  plain.patch = 0;
  CHECK(cuda::gemm_time(grouped, plain, 1, v100).us > 1.04 * patch.us);
}

TEST_CASE("half: rounds to nearest, ties to even", "[cuda_plan][cpu]") {
  struct Row {
    float value;
    std::uint16_t bits;
  };
  for (const Row& row :
       {Row{0.0F, 0x0000}, Row{-0.0F, 0x8000}, Row{1.0F, 0x3C00}, Row{-2.0F, 0xC000},
        Row{65504.0F, 0x7BFF}, Row{65519.0F, 0x7BFF}, Row{65520.0F, 0x7C00}, Row{INFINITY, 0x7C00},
        Row{0x1p-14F, 0x0400}, Row{0x1p-24F, 0x0001}, Row{0x1p-25F, 0x0000},
        Row{0x1.8p-24F, 0x0002}, Row{1.0F + 0x1p-11F, 0x3C00}, Row{1.0F + 0x3p-11F, 0x3C02},
        Row{0x1.ff8p-15F, 0x03FF}, Row{0x1.fffp-15F, 0x0400}}) {
    INFO(row.value);
    CHECK(cuda::to_half(row.value) == row.bits);
  }
  CHECK((cuda::to_half(NAN) & 0x7FFF) > 0x7C00);
}

}  // namespace nestor
