// dst[i] = a[i] + b[i], for plans that keep sums apart from convolutions.
//
// A thread adds a chunk of 8 elements. float32 sum, one rounding. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/add/add.h"
#include "kernels/device/pointwise.cuh"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    add_kernel(const __grid_constant__ AddArgs args) {
  const std::int64_t i = static_cast<std::int64_t>(pointwise_chunk()) * kChunk;
  if (i < args.count) {
    float a[kChunk], b[kChunk];
    load_chunk(static_cast<const T*>(args.a) + i, a);
    load_chunk(static_cast<const T*>(args.b) + i, b);
#pragma unroll
    for (int j = 0; j < kChunk; ++j) a[j] += b[j];
    store_chunk(static_cast<T*>(args.dst) + i, a);
  }
}

}  // namespace

DeviceStatus add(const AddArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.count % kChunk != 0 || !pointwise_config("add", args.count / kChunk, config)) {
    return {DeviceCode::kInvalidArgument, "add: count is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(add_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
