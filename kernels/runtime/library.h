#pragma once
// The one door of libnestor_cuda.so. The engine opens the library at run time, asks for this table
// by the version it was compiled with, and gets null from a library of another version.
//
// Nothing of CUDA is linked by libnestor: launchers and runtime are reached through the table only.

#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace nestor {

// Counted up with every change of the table, of DeviceRuntime or of a launcher's arguments.
constexpr std::uint32_t kDeviceLibraryVersion = 1;

struct DeviceLibrary {
  std::uint32_t version;
  DeviceStatus (*count_devices)(int& count);
  // Null where there is no memory for it. Deleted by the caller, before the library is closed.
  DeviceRuntime* (*make_runtime)(int device);
  // One pointer a launcher follows here.
};

inline constexpr char kDeviceLibraryEntry[] = "nestor_device_library";
using DeviceLibraryEntry = const DeviceLibrary* (*)(std::uint32_t version);

// What library.cpp makes the table of.
DeviceStatus count_cuda_devices(int& count);
DeviceRuntime* make_cuda_runtime(int device);

}  // namespace nestor
