// dst[n,pixel,c] = src[n,pixel,c] + bias[n,c]: the pooled branch of a segmenter's pyramid.
//
// A thread makes 8 channels of a pixel. float32 sum, one rounding. Memory-bound.
// Not hot: once a network, on 256 channels at an eighth of the image's size.
#include "kernels/device/pointwise.cuh"
#include "kernels/image_bias/image_bias.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    image_bias_kernel(const __grid_constant__ ImageBiasArgs args) {
  const unsigned chunk = pointwise_chunk();
  const auto num_chunks = static_cast<unsigned>(args.c / kChunk);
  const unsigned image = chunk / num_chunks / static_cast<unsigned>(args.pixels);
  if (image < static_cast<unsigned>(args.n)) {
    const std::int64_t i = static_cast<std::int64_t>(chunk) * kChunk;
    float values[kChunk], bias[kChunk];
    load_chunk(static_cast<const T*>(args.src) + i, values);
    load_chunk(static_cast<const T*>(args.bias) + image * static_cast<std::int64_t>(args.c) +
                   chunk % num_chunks * kChunk,
               bias);
#pragma unroll
    for (int j = 0; j < kChunk; ++j) values[j] += bias[j];
    store_chunk(static_cast<T*>(args.dst) + i, values);
  }
}

}  // namespace

DeviceStatus image_bias(const ImageBiasArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.pixels < 1 || args.c < kChunk || args.c % kChunk != 0 ||
      !pointwise_config("image_bias",
                        static_cast<std::int64_t>(args.n) * args.pixels * (args.c / kChunk),
                        config)) {
    return {DeviceCode::kInvalidArgument, "image_bias: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(image_bias_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
