// rSoftmax, for plans that keep split attention apart.
//
//   dst[n,r,k,c] = exp(src[n,k,r,c] - m) / sum_r' exp(src[n,k,r',c] - m),  m = max over r'
//   radix 1:       1 / (1 + exp(-src))
//
//   grid    n * cardinality * channels threads, 256 a block
//   thread  a channel of a cardinal group: reads its parts three times, from L1 but for the first
//
// A few KB: latency only.
// Not hot: a single op, for plans that do not fuse it.
#include "kernels/device/pointwise.cuh"
#include "kernels/r_softmax/r_softmax.h"

namespace nestor {
namespace {

__global__ void __launch_bounds__(kPointwiseThreads)
    r_softmax_kernel(const __grid_constant__ RSoftmaxArgs args) {
  const int thread = static_cast<int>(pointwise_chunk());  // one channel each, not a chunk
  const int width = args.cardinality * args.channels;
  const std::int64_t image = thread / width;
  if (image < args.n) {
    const int k = thread % width / args.channels;
    const int c = thread % args.channels;
    const float* const src =
        args.src + image * args.radix * width + k * args.radix * args.channels + c;
    float* const dst = args.dst + image * args.radix * width + k * args.channels + c;
    if (args.radix == 1) {
      dst[0] = 1.0f / (1.0f + expf(-src[0]));
    } else {
      float largest = src[0], sum = 0;
      for (int r = 1; r < args.radix; ++r) {
        const float value = src[r * args.channels];
        largest = value > largest ? value : largest;
      }
      for (int r = 0; r < args.radix; ++r) sum += expf(src[r * args.channels] - largest);
      for (int r = 0; r < args.radix; ++r) {
        dst[r * width] = expf(src[r * args.channels] - largest) / sum;
      }
    }
  }
}

}  // namespace

DeviceStatus r_softmax(const RSoftmaxArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.channels < 1 || args.radix < 1 || args.cardinality < 1 ||
      !pointwise_config("r_softmax",
                        static_cast<std::int64_t>(args.n) * args.cardinality * args.channels,
                        config)) {
    return {DeviceCode::kInvalidArgument, "r_softmax: an extent is not possible"};
  }
  return launch(r_softmax_kernel, config, stream, args);
}

}  // namespace nestor
