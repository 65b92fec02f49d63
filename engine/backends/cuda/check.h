#pragma once
// The one way in which the engine calls a device: DEVICE_CHECK(runtime.synchronize(stream)). Every
// failure becomes an Error that says what was called, where, and what the device said.

#include "engine/check.h"
#include "kernels/runtime/runtime.h"

namespace nestor::cuda {

// Throws for anything but kOk.
void check(DeviceStatus status, const char* expression, const char* file, int line);

}  // namespace nestor::cuda

#define DEVICE_CHECK(expression) \
  ::nestor::cuda::check((expression), #expression, __FILE__, __LINE__)
