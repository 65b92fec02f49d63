#pragma once
// How kernels start, on a GPU and in the emulator. Plain C++; `<<<>>>` appears nowhere.
//
//   struct ScaleArgs { float* x; int n; };
//   __global__ void scale_kernel(const __grid_constant__ ScaleArgs args);
//
//   return launch(scale_kernel, {"scale", /*grid=*/{8}, /*num_threads=*/128}, stream, args);
//
// A kernel takes one plain struct. The call is asynchronous, like all work of a stream; while the
// stream is captured it becomes part of the graph. Builds without NDEBUG synchronise behind each
// launch that is not captured, so that the kernel named in an error is the guilty one.

#include <type_traits>

#include "kernels/runtime/runtime.h"

namespace nestor {

struct GridSize {
  unsigned x = 1, y = 1, z = 1;
};

struct LaunchConfig {
  const char* name;  // a literal: it appears in messages and counters
  GridSize grid;
  int num_threads = 0;       // a multiple of 32; blocks have one dimension
  int shared_bytes = 0;      // sizeof(Smem)
  int shared_carveout = -1;  // percent of L1 wanted as shared memory; -1: as the driver likes
  GridSize cluster = {};     // blocks that run together (sm_90 and newer); not emulated
  // Programmatic dependent launch: the kernel may begin before the one before it in the stream has
  // ended, and waits itself for what it reads of that. The emulator runs them in order.
  bool overlap = false;
};

namespace launch_internal {

#if NESTOR_SIMT
using Call = void (*)(void* kernel, const void* args);
DeviceStatus launch(void* kernel, Call call, const LaunchConfig& config, Stream stream,
                    const void* args, std::size_t args_bytes);
#else
DeviceStatus launch(const void* kernel, const LaunchConfig& config, Stream stream, void* args);
#endif

}  // namespace launch_internal

template <class Args>
DeviceStatus launch(void (*kernel)(Args), const LaunchConfig& config, Stream stream,
                    const std::common_type_t<Args>& args) {
  static_assert(std::is_trivially_copyable<Args>::value, "arguments are copied as bytes");
#if NESTOR_SIMT
  const launch_internal::Call call = [](void* function, const void* bytes) {
    reinterpret_cast<void (*)(Args)>(function)(*static_cast<const Args*>(bytes));
  };
  return launch_internal::launch(reinterpret_cast<void*>(kernel), call, config, stream, &args,
                                 sizeof args);
#else
  return launch_internal::launch(reinterpret_cast<const void*>(kernel), config, stream,
                                 const_cast<Args*>(&args));
#endif
}

}  // namespace nestor
