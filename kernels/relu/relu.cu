// dst[i] = src[i] < 0 ? 0 : src[i], for plans that keep it apart from convolutions.
//
// A thread takes a chunk of 8 elements. Exact. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/device/pointwise.cuh"
#include "kernels/relu/relu.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    relu_kernel(const __grid_constant__ ReluArgs args) {
  const std::int64_t i = static_cast<std::int64_t>(pointwise_chunk()) * kChunk;
  if (i < args.count) {
    float values[kChunk];
    load_chunk(static_cast<const T*>(args.src) + i, values);
#pragma unroll
    for (int j = 0; j < kChunk; ++j) values[j] = relu(values[j]);
    store_chunk(static_cast<T*>(args.dst) + i, values);
  }
}

}  // namespace

DeviceStatus relu(const ReluArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.count % kChunk != 0 || !pointwise_config("relu", args.count / kChunk, config)) {
    return {DeviceCode::kInvalidArgument, "relu: count is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(relu_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
