#pragma once
// libnestor_cuda.so, which has the launchers and the CUDA runtime, opened when a GPU is first asked
// for: libnestor needs neither.

#include <string>

#include "kernels/runtime/library.h"

namespace nestor::cuda {

// The table of a library that lies beside libnestor. Throws kUnsupported, saying why, if there
// is none or it is of another version. A library is opened once and never closed.
const DeviceLibrary& open_device_library(const std::string& file_name);

}  // namespace nestor::cuda
