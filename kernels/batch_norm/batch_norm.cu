// dst[pixel,c] = src[pixel,c] * scale[c] + shift[c], for plans that keep it apart from
// convolutions.
//
// A thread takes 8 channels of a pixel. float32, one rounding. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/device/pointwise.cuh"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    batch_norm_kernel(const __grid_constant__ BatchNormArgs args) {
  const unsigned chunk = pointwise_chunk();
  const std::int64_t i = static_cast<std::int64_t>(chunk) * kChunk;
  if (i < args.pixels * args.c) {
    const unsigned c = chunk % static_cast<unsigned>(args.c / kChunk) * kChunk;
    float values[kChunk], scale[kChunk], shift[kChunk];
    load_chunk(static_cast<const T*>(args.src) + i, values);
    load_chunk(args.scale + c, scale);
    load_chunk(args.shift + c, shift);
#pragma unroll
    for (int j = 0; j < kChunk; ++j) values[j] = values[j] * scale[j] + shift[j];
    store_chunk(static_cast<T*>(args.dst) + i, values);
  }
}

}  // namespace

DeviceStatus batch_norm(const BatchNormArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.c < kChunk || args.c % kChunk != 0 ||
      !pointwise_config("batch_norm", args.pixels * (args.c / kChunk), config)) {
    return {DeviceCode::kInvalidArgument, "batch_norm: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(batch_norm_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
