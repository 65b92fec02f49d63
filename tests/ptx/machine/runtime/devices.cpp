#include <cstdio>
#include <cstring>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

Limits limits() {
  switch (options().sm) {
    case 75: return {"PTX machine (sm_75)", 40, 64 * 1024, 64 * 1024, 4 << 20, 65536, 1024};
    case 80: return {"PTX machine (sm_80)", 108, 163 * 1024, 164 * 1024, 40 << 20, 65536, 2048};
    case 86: return {"PTX machine (sm_86)", 84, 99 * 1024, 100 * 1024, 6 << 20, 65536, 1536};
    case 89: return {"PTX machine (sm_89)", 128, 99 * 1024, 100 * 1024, 72 << 20, 65536, 1536};
    case 90: return {"PTX machine (sm_90)", 132, 227 * 1024, 228 * 1024, 50 << 20, 65536, 2048};
    default: return {"PTX machine (sm_70)", 80, 96 * 1024, 96 * 1024, 6 << 20, 65536, 2048};
  }
}

}  // namespace nestor::ptx

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

// There is no driver behind the machine.
cudaError_t cudaGetDriverEntryPoint(const char*, void** entry, unsigned long long,
                                    cudaDriverEntryPointQueryResult* result) {
  *entry = nullptr;
  if (result != nullptr) *result = cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return report(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 12040;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 12040;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties_v2(cudaDeviceProp* p, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice);
  const Limits l = limits();
  std::memset(p, 0, sizeof *p);
  std::snprintf(p->name, sizeof p->name, "%s", l.name);
  p->totalGlobalMem = DeviceMemory::get().total();
  p->sharedMemPerBlock = 48 * 1024;
  p->sharedMemPerBlockOptin = static_cast<std::size_t>(l.shared_optin);
  p->sharedMemPerMultiprocessor = static_cast<std::size_t>(l.shared_multiprocessor);
  p->reservedSharedMemPerBlock = options().sm >= 80 ? 1024 : 0;
  p->regsPerBlock = p->regsPerMultiprocessor = l.registers;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsPerMultiProcessor = l.threads;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 0x7fffffff;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->major = options().sm / 10;
  p->minor = options().sm % 10;
  p->multiProcessorCount = l.multiprocessors;
  p->l2CacheSize = l.l2;
  p->clockRate = 1400000;
  p->memoryClockRate = 1000000;
  p->memoryBusWidth = 4096;
  p->concurrentKernels = 1;
  p->unifiedAddressing = 1;
  p->asyncEngineCount = 2;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  const cudaError_t error = cudaGetDeviceProperties_v2(&p, device);
  if (error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrClockRate: *value = p.clockRate; break;
    case cudaDevAttrMemoryClockRate: *value = p.memoryClockRate; break;
    case cudaDevAttrGlobalMemoryBusWidth: *value = p.memoryBusWidth; break;
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    default:
      std::fprintf(stderr, "ptx machine: the device attribute %d is not known\n",
                   static_cast<int>(attribute));
      return report(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(runtime().mutex);
  return report(runtime().drain());
}

}  // extern "C"
