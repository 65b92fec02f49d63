#include "engine/backends/cpu/describe_cpu.h"

#include <unistd.h>

#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>

#include "engine/backends/cpu/memory_available.h"

namespace nestor::cpu {

namespace {

// "model name\t: AMD EPYC ..." -> "AMD EPYC ..."
std::string model_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

// What oneDNN computes with, limits of its environment variables included.
std::string instruction_set() {
  using enum dnnl::cpu_isa;
  struct Row {
    dnnl::cpu_isa isa;
    const char* name;
  };
  constexpr Row kRows[] = {{avx512_core_bf16, "avx512_core_bf16"},
                           {avx512_core_vnni, "avx512_core_vnni"},
                           {avx512_core, "avx512_core"},
                           {avx2, "avx2"},
                           {avx, "avx"},
                           {sse41, "sse41"}};
  const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  for (const Row& row : kRows) {
    const auto wanted = static_cast<unsigned>(row.isa);
    if ((effective & wanted) == wanted) return row.name;
  }
  return "generic";
}

}  // namespace

DeviceInfo describe_cpu() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t bytes = pages * page_bytes;
  return {.name = "cpu",
          .description = model_name(),
          .architecture = instruction_set(),
          .memory_bytes = bytes,
          .free_bytes = memory_available().value_or(bytes),
          .why_unusable = {}};
}

}  // namespace nestor::cpu
