#pragma once
// The one door of libnestor_cuda.so. The engine opens the library at run time, asks for this table
// by the version it was compiled with, and gets null from a library of another version.
//
// Nothing of CUDA is linked by libnestor: launchers and runtime are reached through the table only.

#include <cstddef>
#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace nestor {

// Counted up with every change of DeviceLibrary or DeviceRuntime. A launcher comes, goes or changes
// its arguments without that.
constexpr std::uint32_t kDeviceLibraryVersion = 8;

template <class Args>
using Launcher = DeviceStatus (*)(const Args& args, Stream stream);

// A launcher, declared with its arguments in kernels/<op>/<op>.h. Which type these have is not known
// to the table: name and size are what is compared when a launcher is asked for.
struct LauncherRow {
  using Function = void (*)();

  const char* name;
  std::size_t args_bytes;
  Function function;  // a Launcher<Args>
};

template <class Args>
LauncherRow launcher_row(const char* name, Launcher<Args> launcher) {
  return {name, sizeof(Args), reinterpret_cast<LauncherRow::Function>(launcher)};
}

struct DeviceLibrary {
  std::uint32_t version;
  const char* toolkit;  // that compiled it: "12.4"
  DeviceStatus (*count_devices)(int& count);
  // Null if there is no memory for it. Deleted by the caller, before the library is closed.
  DeviceRuntime* (*make_runtime)(int device);

  // A library may lack launchers: the engine does without the variants that want them.
  const LauncherRow* launchers;
  std::size_t num_launchers;
};

inline constexpr char kDeviceLibraryEntry[] = "nestor_device_library";
using DeviceLibraryEntry = const DeviceLibrary* (*)(std::uint32_t version);

// What library.cpp makes the table of.
const char* cuda_toolkit();
DeviceStatus count_cuda_devices(int& count);
DeviceRuntime* make_cuda_runtime(int device);

}  // namespace nestor
