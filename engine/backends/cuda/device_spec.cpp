#include "engine/backends/cuda/device_spec.h"

#include <algorithm>
#include <ranges>

namespace nestor {

std::span<const DeviceSpec> device_specs() {
  // V100's L2: Jia et al. 2018 (2155 GB/s); T4's likewise (1270). A100's and H200's: those of
  // kernels/sass_model/machines.py, 4.3 and 5.5 TB/s. All shares and latencies are estimates until
  // bench/ has measured them; those of sm_70 and sm_90a are the ones of the tile plan, the others
  // lie between.
  // clang-format off
  static constexpr DeviceSpec kSpecs[] = {
      {.name = "sm_70", .device = "V100-SXM2", .sm = 70,
       .multiprocessors = 80, .clock_ghz = 1.53, .fp16_tflops = 125, .fp32_tflops = 15.7,
       .dram_gb_s = 900, .shared_block = 98304, .shared_sm = 98304,
       .tensor_macs = 512, .fp32_macs = 64, .shared_bytes = 128,
       .l2_bytes = 17.6, .l2_keep = 3e6, .dram_share = 0.85, .efficiency = 0.75,
       .gather_share = 0.95, .mma_share = 1, .fragment_reads = 2, .tap_reuse = 1.0 / 3,
       .launch_us = 1.5, .fill_us = 1.0, .wave_us = 0.6, .reduce_us = 1.2,
       .attention_us = 2.5, .attention_gb_s = 60},
      {.name = "sm_75", .device = "T4", .sm = 75,
       .multiprocessors = 40, .clock_ghz = 1.59, .fp16_tflops = 65, .fp32_tflops = 8.1,
       .dram_gb_s = 320, .shared_block = 65536, .shared_sm = 65536,
       .tensor_macs = 512, .fp32_macs = 64, .shared_bytes = 128,
       .l2_bytes = 20.0, .l2_keep = 2e6, .dram_share = 0.80, .efficiency = 0.75,
       .gather_share = 0.95, .mma_share = 1, .fragment_reads = 1, .tap_reuse = 1.0 / 3,
       .launch_us = 1.5, .fill_us = 1.0, .wave_us = 0.6, .reduce_us = 1.2,
       .attention_us = 2.5, .attention_gb_s = 60},
      {.name = "sm_80", .device = "A100-SXM4-40GB", .sm = 80,
       .multiprocessors = 108, .clock_ghz = 1.41, .fp16_tflops = 312, .fp32_tflops = 19.5,
       .dram_gb_s = 1555, .shared_block = 166912, .shared_sm = 167936,
       .tensor_macs = 1024, .fp32_macs = 64, .shared_bytes = 128,
       .l2_bytes = 28.0, .l2_keep = 2e7, .dram_share = 0.85, .efficiency = 0.72,
       .gather_share = 0.96, .mma_share = 1, .fragment_reads = 1, .tap_reuse = 1,
       .launch_us = 1.3, .fill_us = 1.1, .wave_us = 0.4, .reduce_us = 1.1,
       .attention_us = 2.2, .attention_gb_s = 120},
      {.name = "sm_86", .device = "A10", .sm = 86,
       .multiprocessors = 72, .clock_ghz = 1.695, .fp16_tflops = 125, .fp32_tflops = 31.2,
       .dram_gb_s = 600, .shared_block = 101376, .shared_sm = 102400,
       .tensor_macs = 512, .fp32_macs = 128, .shared_bytes = 128,
       .l2_bytes = 25.0, .l2_keep = 3e6, .dram_share = 0.85, .efficiency = 0.75,
       .gather_share = 0.96, .mma_share = 1, .fragment_reads = 1, .tap_reuse = 1,
       .launch_us = 1.3, .fill_us = 1.1, .wave_us = 0.4, .reduce_us = 1.1,
       .attention_us = 2.2, .attention_gb_s = 100},
      {.name = "sm_89", .device = "L40S", .sm = 89,
       .multiprocessors = 142, .clock_ghz = 2.52, .fp16_tflops = 362, .fp32_tflops = 91.6,
       .dram_gb_s = 864, .shared_block = 101376, .shared_sm = 102400,
       .tensor_macs = 512, .fp32_macs = 128, .shared_bytes = 128,
       .l2_bytes = 20.0, .l2_keep = 4e7, .dram_share = 0.85, .efficiency = 0.72,
       .gather_share = 0.96, .mma_share = 1, .fragment_reads = 1, .tap_reuse = 1,
       .launch_us = 1.1, .fill_us = 1.0, .wave_us = 0.3, .reduce_us = 1.0,
       .attention_us = 2.0, .attention_gb_s = 150},
      {.name = "sm_90a", .device = "H200-SXM", .sm = 90,
       .multiprocessors = 132, .clock_ghz = 1.83, .fp16_tflops = 989.5, .fp32_tflops = 67,
       .dram_gb_s = 4800, .shared_block = 232448, .shared_sm = 233472,
       .tensor_macs = 2048, .fp32_macs = 128, .shared_bytes = 128,
       .l2_bytes = 22.8, .l2_keep = 3e7, .dram_share = 0.85, .efficiency = 0.70,
       .gather_share = 0.97, .mma_share = 0.62, .fragment_reads = 1, .tap_reuse = 1,
       .launch_us = 1.0, .fill_us = 1.2, .wave_us = 0.3, .reduce_us = 1.0,
       .attention_us = 2.0, .attention_gb_s = 200},
  };
  // clang-format on
  return kSpecs;
}

const DeviceSpec* find_device_spec(std::string_view name) {
  const auto row = std::ranges::find(device_specs(), name, &DeviceSpec::name);
  return row == device_specs().end() ? nullptr : &*row;
}

const DeviceSpec* device_spec_for(int sm) {
  for (const DeviceSpec& spec : device_specs() | std::views::reverse) {
    if (spec.sm <= sm) return &spec;
  }
  return nullptr;
}

DevicePeaks DeviceSpec::peaks(Precision precision) const {
  const bool half = precision == Precision::kFp16 || precision == Precision::kBf16;
  return {.device = std::string(device),
          .multiprocessors = multiprocessors,
          .flops_per_us = (half ? fp16_tflops : fp32_tflops) * 1e6,
          .bytes_per_us = dram_gb_s * 1e3,
          .element_bytes = half ? 2 : 4};
}

}  // namespace nestor
