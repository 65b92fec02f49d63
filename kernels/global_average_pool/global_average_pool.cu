// Global average pool.
//
//   dst[n,c] = sum over pixels of src[n,pixel,c] / divisor, by default pixels
//
//   grid   (c / 256, n)
//   block  256 threads: up to 32 chunks of 8 channels side by side, every 8th pixel each
//          (block_channel_sums)
//
// Shared memory 8.1 KB. Sums are float32 in an order that depends on c only, and divided once; the
// result is not rounded to the storage. Memory-bound; not measured yet.
#include "kernels/device/channel_sums.cuh"
#include "kernels/device/launch.h"
#include "kernels/global_average_pool/global_average_pool.h"

namespace nestor {
namespace {

template <class T>
__global__ void __launch_bounds__(kChannelSumThreads)
    global_average_pool_kernel(const __grid_constant__ GlobalAveragePoolArgs args) {
  ChannelSumSmem& smem = block_smem<ChannelSumSmem>();
  const int first_chunk = static_cast<int>(blockIdx.x) * kMaxChannelSumChunks;
  const int num_chunks = smaller(args.c / kChunk - first_chunk, kMaxChannelSumChunks);
  const std::int64_t image = blockIdx.y;
  const T* const src = static_cast<const T*>(args.src) + image * args.pixels * args.c +
                       first_chunk * kChunk;  // [pixels] of this block's channels
  float* const dst = args.dst + image * args.c + first_chunk * kChunk;
  const auto divisor = static_cast<float>(args.divisor > 0 ? args.divisor : args.pixels);
  block_channel_sums(src, 0, args.pixels, args.c, /*radix=*/1, /*radix_stride=*/0, num_chunks, smem,
                     [dst, divisor](int channel, float sum) { dst[channel] = sum / divisor; });
}

}  // namespace

DeviceStatus global_average_pool(const GlobalAveragePoolArgs& args, Stream stream) {
  if (args.n < 1 || args.pixels < 1 || args.c < kChunk || args.c % kChunk != 0) {
    return {DeviceCode::kInvalidArgument, "global_average_pool: an extent is not possible"};
  }
  constexpr int kChannels = kMaxChannelSumChunks * kChunk;
  const LaunchConfig config{
      "global_average_pool",
      {static_cast<unsigned>((args.c - 1) / kChannels + 1), static_cast<unsigned>(args.n)},
      kChannelSumThreads,
      sizeof(ChannelSumSmem)};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(global_average_pool_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
