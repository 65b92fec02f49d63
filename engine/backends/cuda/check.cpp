#include "engine/backends/cuda/check.h"

#include <string_view>

namespace nestor::cuda {

namespace {

ErrorCode error_code(DeviceCode code) {
  switch (code) {
    case DeviceCode::kNoDevice: return ErrorCode::kUnsupported;
    case DeviceCode::kOutOfMemory: return ErrorCode::kOutOfMemory;
    case DeviceCode::kDeviceLost: return ErrorCode::kDeviceLost;
    case DeviceCode::kOk:
    case DeviceCode::kInvalidArgument:
    case DeviceCode::kFailed: break;
  }
  return ErrorCode::kInternal;
}

// From the top of the tree.
std::string_view short_path(std::string_view file) {
  const std::size_t begin = file.rfind("engine/");
  return begin == std::string_view::npos ? file : file.substr(begin);
}

}  // namespace

void check(DeviceStatus status, const char* expression, const char* file, int line) {
  if (status.ok()) return;
  fail(error_code(status.code), "{} ({} at {}:{})", status.what, expression, short_path(file),
       line);
}

}  // namespace nestor::cuda
