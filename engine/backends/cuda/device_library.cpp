#include "engine/backends/cuda/device_library.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

#include "engine/check.h"

namespace nestor::cuda {

namespace {

// The folder of the file that this very function was loaded from: libnestor, or a command.
std::filesystem::path own_folder() {
  Dl_info info{};
  void* map = nullptr;
  const auto* const self = reinterpret_cast<const void*>(&open_device_library);
  if (dladdr1(self, &info, &map, RTLD_DL_LINKMAP) == 0) return {};
  // The program itself has no name there, and what dladdr says of it is argv[0].
  const char* const name = static_cast<const link_map*>(map)->l_name;
  std::error_code error;
  const std::filesystem::path file = *name == '\0'
                                         ? std::filesystem::read_symlink("/proc/self/exe", error)
                                         : std::filesystem::absolute(name, error);
  return file.parent_path();
}

std::filesystem::path find_beside(const std::string& file_name) {
  const std::filesystem::path folder = own_folder();
  for (const char* const place : {".", NESTOR_LIBRARY_FOLDER, "../lib"}) {
    const std::filesystem::path path = (folder / place / file_name).lexically_normal();
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
  }
  return {};
}

std::string last_loader_error() {
  const char* const text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

const DeviceLibrary& open_device_library(const std::string& file_name) {
  const std::filesystem::path path = find_beside(file_name);
  CHECK_AS(kUnsupported, !path.empty(),
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
