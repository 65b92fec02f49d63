// dst[pixel,c] = sum_r src[pixel, r * width + c], for plans that keep split attention apart.
//
// A thread makes 8 channels of a pixel. float32 in the order of r, one rounding. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/device/pointwise.cuh"
#include "kernels/radix_sum/radix_sum.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    radix_sum_kernel(const __grid_constant__ RadixSumArgs args) {
  const unsigned chunk = pointwise_chunk();
  const std::int64_t i = static_cast<std::int64_t>(chunk) * kChunk;
  if (i < args.pixels * args.width) {
    const auto num_chunks = static_cast<unsigned>(args.width / kChunk);
    const std::int64_t pixel = chunk / num_chunks;
    const T* const src = static_cast<const T*>(args.src) + pixel * args.radix * args.width +
                         chunk % num_chunks * kChunk;  // [radix], width apart
    float sum[kChunk] = {};
    for (int r = 0; r < args.radix; ++r) {
      float values[kChunk];
      load_chunk(src + r * args.width, values);
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sum[j] += values[j];
    }
    store_chunk(static_cast<T*>(args.dst) + i, sum);
  }
}

}  // namespace

DeviceStatus radix_sum(const RadixSumArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.radix < 1 || args.width < kChunk || args.width % kChunk != 0 ||
      !pointwise_config("radix_sum", args.pixels * (args.width / kChunk), config)) {
    return {DeviceCode::kInvalidArgument, "radix_sum: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(radix_sum_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
