#include "engine/backends/cuda/device_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "engine/check.h"

namespace nestor::cuda {

namespace {

// The folder of the file that this very function was loaded from.
std::filesystem::path own_folder() {
  Dl_info info{};
  const int found = dladdr(reinterpret_cast<const void*>(&open_device_library), &info);
  if (found == 0 || info.dli_fname == nullptr) return {};
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

std::string last_loader_error() {
  const char* const text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

const DeviceLibrary& open_device_library(const std::string& file_name) {
  const std::filesystem::path path = own_folder() / file_name;
  CHECK_AS(kUnsupported, std::filesystem::exists(path),
           "this installation has no {}, which it would need beside libnestor", file_name);
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  CHECK_AS(kUnsupported, library != nullptr, "cannot open {}", last_loader_error());
  const auto entry = reinterpret_cast<DeviceLibraryEntry>(dlsym(library, kDeviceLibraryEntry));
  CHECK_AS(kUnsupported, entry != nullptr, "{} is not a device library", path.string());
  const DeviceLibrary* const table = entry(kDeviceLibraryVersion);
  CHECK_AS(kUnsupported, table != nullptr,
           "{} is of another version than libnestor, which expects {}", path.string(),
           kDeviceLibraryVersion);
  return *table;
}

}  // namespace nestor::cuda
