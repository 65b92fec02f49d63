// Executes kernels: warp by warp, 32 lanes at a time, in an order that a seed decides.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/ptx/machine/module.h"

namespace nestor::ptx {

struct Launch {
  Module* module = nullptr;
  const Kernel* kernel = nullptr;
  u32 grid[3] = {1, 1, 1};
  u32 block[3] = {1, 1, 1};
  u32 dynamic_shared = 0;
  std::vector<u8> params;
};
// Throws Fault.
void execute(const Launch& launch);

struct Counts {
  u64 launches = 0, blocks = 0, thread_instructions = 0, warp_instructions = 0;
  double seconds = 0, cpu_seconds = 0;
};
const Counts& counts();
std::string demangle(const std::string& name);
// Says it on standard error, once.
void warn(const std::string& text);

}  // namespace nestor::ptx
