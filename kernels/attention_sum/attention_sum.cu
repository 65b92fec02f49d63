// dst[n,pixel,c] = sum_r attention[n, r*W + c] * src[n, pixel, r*W + c], for plans that keep split
// attention apart (somebody taps a value within it).
//
// A thread makes 8 channels of a pixel. float32 in the order of r, one rounding. Memory-bound.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/attention_sum/attention_sum.h"
#include "kernels/device/pointwise.cuh"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    attention_sum_kernel(const __grid_constant__ AttentionSumArgs args) {
  const unsigned chunk = pointwise_chunk();
  const auto num_chunks = static_cast<unsigned>(args.width / kChunk);
  const unsigned pixel = chunk / num_chunks;  // of the batch
  const unsigned image = pixel / static_cast<unsigned>(args.pixels);
  if (image < static_cast<unsigned>(args.n)) {
    const std::int64_t stride = static_cast<std::int64_t>(args.radix) * args.width;
    const unsigned c = chunk % num_chunks * kChunk;
    const T* const src = static_cast<const T*>(args.src) + pixel * stride + c;
    const float* const attention = args.attention + image * stride + c;
    float sum[kChunk] = {};
    for (int r = 0; r < args.radix; ++r) {
      float values[kChunk], gates[kChunk];
      load_chunk(src + r * args.width, values);
      load_chunk(attention + r * args.width, gates);
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sum[j] += gates[j] * values[j];
    }
    store_chunk(static_cast<T*>(args.dst) + static_cast<std::int64_t>(chunk) * kChunk, sum);
  }
}

}  // namespace

DeviceStatus attention_sum(const AttentionSumArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.radix < 1 || args.width < kChunk || args.width % kChunk != 0 ||
      !pointwise_config("attention_sum",
                        static_cast<std::int64_t>(args.n) * args.pixels * (args.width / kChunk),
                        config)) {
    return {DeviceCode::kInvalidArgument, "attention_sum: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(attention_sum_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
