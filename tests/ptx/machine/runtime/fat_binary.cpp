// What nvcc's host code calls before main() and at <<<>>>.
#include <cstdio>
#include <cstring>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

Module* load(FatModule& fat) {
  if (fat.tried) return fat.module.get();
  fat.tried = true;
  // The newest PTX that is not newer than the device.
  int best = -1;
  std::string_view text;
  for (const auto& [sm, ptx_text] : fat.texts) {
    if (sm <= options().sm && sm > best) {
      best = sm;
      text = ptx_text;
    }
  }
  if (best < 0) return nullptr;
  try {
    fat.module = std::make_unique<Module>(edited(std::string(text)));
  } catch (const Fault& fault) {
    std::fprintf(stderr, "ptx machine: %s\n", fault.what());
    return nullptr;
  }
  for (Module::Variable& variable : fat.module->variables()) {
    variable.address = DeviceMemory::get().allocate(std::max<u64>(variable.size, 1));
    u8* to = DeviceMemory::get().host(variable.address);
    std::memset(to, 0, variable.size);
    if (!variable.init.empty()) std::memcpy(to, variable.init.data(), variable.size);
  }
  return fat.module.get();
}

}  // namespace nestor::ptx

using namespace nestor::ptx;

namespace {

struct FatBinary {  // of the wrapper in .nvFatBinSegment
  int magic, version;
  const u8* data;
  void* unused;
};

struct CallConfiguration {
  dim3 grid, block;
  std::size_t shared;
  void* stream;
};
thread_local std::vector<CallConfiguration> configurations;

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void* pointer) {
  const Lock lock(runtime().mutex);
  auto* fat = new FatModule;
  const auto* wrapper = static_cast<const FatBinary*>(pointer);
  const u8* data = wrapper->data;
  u32 magic = 0;
  std::memcpy(&magic, data, 4);
  if (wrapper->magic != 0x466243b1 || magic != 0xba55ed50u) {
    std::fprintf(stderr, "ptx machine: an unknown kind of fat binary\n");
    return reinterpret_cast<void**>(fat);
  }
  unsigned short header = 0;
  u64 size = 0;
  std::memcpy(&header, data + 6, 2);
  std::memcpy(&size, data + 8, 8);
  const u8* at = data + header;
  const u8* const end = at + size;
  while (at + 64 <= end) {
    unsigned short kind = 0;
    u32 entry_header = 0, sm = 0;
    u64 payload = 0, flags = 0;
    std::memcpy(&kind, at, 2);
    std::memcpy(&entry_header, at + 4, 4);
    std::memcpy(&payload, at + 8, 8);
    std::memcpy(&sm, at + 28, 4);
    std::memcpy(&flags, at + 40, 8);
    const auto* text = reinterpret_cast<const char*>(at + entry_header);
    if (kind == 1) {
      const std::string_view ptx_text(text, payload);
      if (ptx_text.find(".version") == std::string_view::npos) {
        std::fprintf(stderr,
                     "ptx machine: PTX for sm_%u is compressed: compile with --no-compress\n", sm);
      } else {
        fat->texts.emplace_back(static_cast<int>(sm), ptx_text);
      }
    }
    at += entry_header + payload;
  }
  return reinterpret_cast<void**>(fat);
}

void __cudaRegisterFatBinaryEnd(void**) {}

void __cudaUnregisterFatBinary(void**) {}

char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** handle, const char* host, char*, const char* name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  const Lock lock(runtime().mutex);
  runtime().functions[host] = Function{reinterpret_cast<FatModule*>(handle), name};
}

void __cudaRegisterVar(void**, char*, char*, const char* name, int, std::size_t, int, int) {
  std::fprintf(stderr, "ptx machine: the host cannot reach the device variable %s\n", name);
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared,
                                     CUstream_st* stream) {
  configurations.push_back({grid, block, shared, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  if (configurations.empty()) return cudaErrorMissingConfiguration;
  const CallConfiguration c = configurations.back();
  configurations.pop_back();
  *grid = c.grid;
  *block = c.block;
  *shared = c.shared;
  *static_cast<void**>(stream) = c.stream;
  return cudaSuccess;
}

}  // extern "C"
