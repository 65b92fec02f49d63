// dst[i] = src[i] / (1 + exp(-src[i])), for plans that keep it apart from convolutions.
//
// A thread takes a chunk of 8 elements. float32, one rounding. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/device/activation.cuh"
#include "kernels/device/pointwise.cuh"
#include "kernels/swish/swish.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    swish_kernel(const __grid_constant__ SwishArgs args) {
  const std::int64_t i = static_cast<std::int64_t>(pointwise_chunk()) * kChunk;
  if (i < args.count) {
    float values[kChunk];
    load_chunk(static_cast<const T*>(args.src) + i, values);
    activate(Activation::kSwish, values);
    store_chunk(static_cast<T*>(args.dst) + i, values);
  }
}

}  // namespace

DeviceStatus swish(const SwishArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.count % kChunk != 0 || !pointwise_config("swish", args.count / kChunk, config)) {
    return {DeviceCode::kInvalidArgument, "swish: count is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(swish_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
