// The list of devices.

#include "engine/backend.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/check.h"

namespace nestor {

std::unique_ptr<Backend> open_backend(std::string_view device) {
  if (device == "cpu" || device == "auto") return std::make_unique<CpuBackend>();
  fail(ErrorCode::kUnsupported, "no device is called '{}'; this build has: auto, cpu", device);
}

}  // namespace nestor
