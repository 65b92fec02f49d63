#include <cstdio>
#include <cstring>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments,
                   std::size_t dynamic_shared, cudaStream_t stream) {
  Runtime& r = runtime();
  const auto found = r.functions.find(function);
  if (found == r.functions.end()) return report(cudaErrorInvalidDeviceFunction);
  Function& f = found->second;
  Module* module = load(*f.module);
  if (module == nullptr) return report(cudaErrorNoKernelImageForDevice);
  const Kernel* kernel = module->find(f.name);
  if (kernel == nullptr) return report(cudaErrorInvalidDeviceFunction);
  const u64 threads = u64{block.x} * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535 || threads == 0 || threads > 1024 ||
      static_cast<int>(threads) > kernel->max_threads) {
    std::fprintf(stderr,
                 "ptx machine: %s: no such launch: <<<(%u, %u, %u), %llu>>>, at most %d threads\n",
                 demangle(f.name).c_str(), grid.x, grid.y, grid.z,
                 static_cast<unsigned long long>(threads), kernel->max_threads);
    return report(cudaErrorInvalidConfiguration);
  }
  if (static_cast<int>(dynamic_shared) > f.max_dynamic_shared) {
    std::fprintf(stderr, "ptx machine: %s: %zu bytes of dynamic shared memory, %d are allowed\n",
                 demangle(f.name).c_str(), dynamic_shared, f.max_dynamic_shared);
    return report(cudaErrorInvalidValue);
  }
  Launch l;
  l.module = module;
  l.kernel = kernel;
  l.grid[0] = grid.x, l.grid[1] = grid.y, l.grid[2] = grid.z;
  l.block[0] = block.x, l.block[1] = block.y, l.block[2] = block.z;
  l.dynamic_shared = static_cast<u32>(dynamic_shared);
  l.params.assign(static_cast<std::size_t>(kernel->param_bytes), 0);
  for (std::size_t i = 0; i < kernel->params.size(); ++i) {
    std::memcpy(l.params.data() + kernel->params[i].first, arguments[i],
                static_cast<std::size_t>(kernel->params[i].second));
  }
  return enqueue(stream, [l = std::move(l)]() -> cudaError_t {
    try {
      execute(l);
      return cudaSuccess;
    } catch (const Fault& fault) {
      std::fprintf(stderr, "ptx machine: FAULT: %s\n", fault.what());
      return std::strstr(fault.what(), "aligned to") != nullptr ? cudaErrorMisalignedAddress
             : std::strstr(fault.what(), "address") != nullptr  ? cudaErrorIllegalAddress
                                                                : cudaErrorLaunchFailure;
    }
  });
}

}  // namespace nestor::ptx

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             std::size_t shared, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  return launch(function, grid, block, arguments, shared, stream);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function,
                                void** arguments) {
  const Lock lock(runtime().mutex);
  if (config->numAttrs != 0) return report(cudaErrorNotSupported);
  return launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes,
                config->stream);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (r.sticky != cudaSuccess) return report(r.sticky);
  const auto found = r.functions.find(function);
  if (found == r.functions.end()) return report(cudaErrorInvalidDeviceFunction);
  Module* module = load(*found->second.module);
  if (module == nullptr) return report(cudaErrorNoKernelImageForDevice);
  const Kernel* kernel = module->find(found->second.name);
  if (kernel == nullptr) return report(cudaErrorInvalidDeviceFunction);
  std::memset(attributes, 0, sizeof *attributes);
  attributes->sharedSizeBytes = static_cast<std::size_t>(kernel->static_shared);
  attributes->localSizeBytes = static_cast<std::size_t>(kernel->local_bytes);
  attributes->maxThreadsPerBlock = kernel->max_threads;
  attributes->ptxVersion = attributes->binaryVersion = module->sm();
  attributes->maxDynamicSharedSizeBytes = found->second.max_dynamic_shared;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (r.sticky != cudaSuccess) return report(r.sticky);
  const auto found = r.functions.find(function);
  if (found == r.functions.end()) return report(cudaErrorInvalidDeviceFunction);
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
      if (value < 0 || value > limits().shared_optin) return report(cudaErrorInvalidValue);
      found->second.max_dynamic_shared = value;
      return cudaSuccess;
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      return report(value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue);
    default: return report(cudaErrorInvalidValue);
  }
}

}  // extern "C"
