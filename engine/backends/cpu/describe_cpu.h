#pragma once
// The CPU as a device.

#include "nestor/device.h"

namespace nestor::cpu {

DeviceInfo describe_cpu();

}  // namespace nestor::cpu
