// dst[n,y,x,c] = lateral[n,y,x,c] + coarse[n,y/2,x/2,c]: a feature pyramid's way down.
//
// A thread adds a chunk of 8 channels of a pixel. float32 sum, one rounding. Memory-bound.
// Not hot: three launches a detector, at the speed of memory.
#include "kernels/device/pointwise.cuh"
#include "kernels/upsample_add/upsample_add.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    upsample_add_kernel(const __grid_constant__ UpsampleAddArgs args) {
  const unsigned chunk = pointwise_chunk();
  const auto chunks = static_cast<unsigned>(args.c / kChunk);  // of a pixel
  const unsigned pixel = chunk / chunks;
  const unsigned row = pixel / static_cast<unsigned>(args.w);  // of all images
  const unsigned image = row / static_cast<unsigned>(args.h);
  if (image < static_cast<unsigned>(args.n)) {
    const unsigned y = row % static_cast<unsigned>(args.h);
    const unsigned x = pixel % static_cast<unsigned>(args.w);
    const auto coarse_h = static_cast<unsigned>((args.h + 1) / 2);
    const auto coarse_w = static_cast<unsigned>((args.w + 1) / 2);
    const std::int64_t from =
        (static_cast<std::int64_t>(image * coarse_h + y / 2) * coarse_w + x / 2) * args.c +
        chunk % chunks * kChunk;
    const std::int64_t at = static_cast<std::int64_t>(chunk) * kChunk;
    float a[kChunk], b[kChunk];
    load_chunk(static_cast<const T*>(args.lateral) + at, a);
    load_chunk(static_cast<const T*>(args.coarse) + from, b);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) a[i] += b[i];
    store_chunk(static_cast<T*>(args.dst) + at, a);
  }
}

}  // namespace

DeviceStatus upsample_add(const UpsampleAddArgs& args, Stream stream) {
  LaunchConfig config{};
  const std::int64_t chunks =
      static_cast<std::int64_t>(args.n) * args.h * args.w * (args.c / kChunk);
  if (args.c % kChunk != 0 || !pointwise_config("upsample_add", chunks, config)) {
    return {DeviceCode::kInvalidArgument, "upsample_add: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(upsample_add_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
