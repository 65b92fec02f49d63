#pragma once
// The table of libnestor_cuda.so with the emulator behind it. libnestor_simt.so is made of it (the
// commands' --device simt); tests of the executor link it and look inside.

#include "emulator/emulated_runtime.h"
#include "kernels/runtime/library.h"

namespace nestor::simt {

// Options of the runtimes that the table makes from now on; by default those of the environment.
void set_device_options(const Options& options);

// The first call of the next runtime fails.
void fail_next_open(DeviceCode code);

// The one made last; it may be gone.
EmulatedRuntime* last_runtime();

}  // namespace nestor::simt

extern "C" const nestor::DeviceLibrary* nestor_device_library(std::uint32_t version);
