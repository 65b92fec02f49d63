#pragma once
// Arrays in device memory, as PyTorch, CuPy and others hand them over by DLPack.

#include <nanobind/nanobind.h>

#include <span>
#include <string_view>
#include <vector>

#include "apps/python/arrays.h"
#include "nestor/session.h"

namespace nestor::python {

// Throws kUnsupported for an array in device memory.
void require_host(const InputArray& array);

// Throws kUnsupported for a session on `device` "cpu", kUsage for an array elsewhere than there.
void require_device(const InputArray& array, std::string_view device);

// The caller's arrays in the order of the session's outputs.
class DeviceOutputs {
 public:
  // Throws kUsage for one that is missing, elsewhere, or of another shape or element type.
  DeviceOutputs(const nanobind::dict& arrays, const Session& session, const TensorDesc& input);

  std::span<const Session::DeviceBuffer> get() const { return buffers_; }
  std::span<const std::string> taps() const { return taps_; }

 private:
  std::vector<InputArray> arrays_;
  std::vector<Session::DeviceBuffer> buffers_;
  std::vector<std::string> taps_;
};

}  // namespace nestor::python
