#pragma once
// The devices of this machine.

#include <cstdint>
#include <string>
#include <vector>

#include "nestor/export.h"

namespace nestor {

struct NESTOR_API DeviceInfo {
  std::string name;          // as LoadOptions takes it: "cpu", "cuda:0"
  std::string description;   // "NVIDIA H200"; of a CPU its model
  std::string architecture;  // "sm_90"; of a CPU the instruction set that is used: "avx512_core"
  std::uint64_t memory_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::string why_unusable;  // empty if Nestor can use it
};

struct NESTOR_API DeviceList {
  std::vector<DeviceInfo> devices;  // GPUs first, in the driver's order, then the CPU
  std::string why_no_gpu;           // empty if there is one that can be used
};

// Opens each GPU, for which CUDA takes a moment and some of its memory.
NESTOR_API DeviceList list_devices();

}  // namespace nestor
