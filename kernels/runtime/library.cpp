#include "kernels/runtime/library.h"

extern "C" __attribute__((visibility("default"))) const nestor::DeviceLibrary*
nestor_device_library(std::uint32_t version) {
  static const nestor::DeviceLibrary library = {
      nestor::kDeviceLibraryVersion,
      nestor::count_cuda_devices,
      nestor::make_cuda_runtime,
  };
  return version == nestor::kDeviceLibraryVersion ? &library : nullptr;
}
