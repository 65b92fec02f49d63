// Layout conversions.
//
//   nchw_to_nhwc, nhwc_to_nchw:
//     NHWC[n,pixel,c] = NCHW[n,c,pixel]; zero for c >= C on the way there
//   images_to_nhwc, images_to_nchw:
//     dst[n,pixel,c] or dst[n,c,pixel] = (src[n,pixel,c] / 255 - mean[c]) / std[c], c < 3
//
//   grid    n * (c / 8) * pixels threads, in this order, 256 a block
//   thread  a chunk of 8 channels of a pixel, or the 3 of an image; neighbouring lanes have
//           neighbouring pixels, so planes are read and written whole, and NHWC in chunks of 16
//           (fp16) or 32 bytes
//
// For the network's input (3 channels) and for values that somebody taps; with many channels the
// NHWC side is served by L2, which puts the chunks of a sector together. Exact but for the one
// rounding to the storage. Not measured yet.
// Not hot: runs once, or not at all.
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/layout/layout.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;

// What a thread converts: the chunk of channels from `channel` of a pixel.
struct Place {
  std::int64_t image;
  int channel, pixel;
  bool valid;
};

__device__ __forceinline__ Place place_of_thread(int n, int num_chunks, int pixels) {
  const int thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const int plane = thread / pixels;
  return {plane / num_chunks, plane % num_chunks * kChunk, thread % pixels, plane < n * num_chunks};
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    nchw_to_nhwc_kernel(const __grid_constant__ LayoutArgs args) {
  const int num_chunks = (args.c + kChunk - 1) / kChunk;
  const Place place = place_of_thread(args.n, num_chunks, args.pixels);
  if (place.valid) {
    const float* const src = static_cast<const float*>(args.src) +
                             (place.image * args.c + place.channel) * args.pixels +
                             place.pixel;  // [channels], apart
    float values[kChunk];
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      values[i] =
          place.channel + i < args.c ? src[static_cast<std::int64_t>(i) * args.pixels] : 0.0f;
    }
    store_chunk(static_cast<T*>(args.dst) +
                    (place.image * args.pixels + place.pixel) * num_chunks * kChunk + place.channel,
                values);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    nhwc_to_nchw_kernel(const __grid_constant__ LayoutArgs args) {
  const int num_chunks = (args.c + kChunk - 1) / kChunk;
  const Place place = place_of_thread(args.n, num_chunks, args.pixels);
  if (place.valid) {
    float values[kChunk];
    load_chunk(static_cast<const T*>(args.src) +
                   (place.image * args.pixels + place.pixel) * num_chunks * kChunk + place.channel,
               values);
    float* const dst = static_cast<float*>(args.dst) +
                       (place.image * args.c + place.channel) * args.pixels + place.pixel;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      if (place.channel + i < args.c) dst[static_cast<std::int64_t>(i) * args.pixels] = values[i];
    }
  }
}

__device__ __forceinline__ float normalised(const ImagesArgs& args, std::int64_t pixel, int c) {
  return (static_cast<float>(args.src[3 * pixel + c]) / 255.0f - args.mean[c]) / args.std[c];
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    images_to_nhwc_kernel(const __grid_constant__ ImagesArgs args) {
  const Place place = place_of_thread(args.n, 1, args.pixels);
  if (place.valid) {
    const std::int64_t pixel = place.image * args.pixels + place.pixel;
    float values[kChunk] = {};
#pragma unroll
    for (int c = 0; c < 3; ++c) values[c] = normalised(args, pixel, c);
    store_chunk(static_cast<T*>(args.dst) + pixel * kChunk, values);
  }
}

__global__ void __launch_bounds__(kThreads)
    images_to_nchw_kernel(const __grid_constant__ ImagesArgs args) {
  const Place place = place_of_thread(args.n, 1, args.pixels);
  if (place.valid) {
    const std::int64_t first = place.image * args.pixels;
    float* const dst = static_cast<float*>(args.dst) + 3 * first + place.pixel;  // [3], apart
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      dst[static_cast<std::int64_t>(c) * args.pixels] = normalised(args, first + place.pixel, c);
    }
  }
}

// One thread a pixel and chunk.
bool make_config(const char* name, int n, int c, int pixels, LaunchConfig& config) {
  if (n < 1 || c < 1 || pixels < 1) return false;
  const std::int64_t threads = static_cast<std::int64_t>(n) * ((c - 1) / kChunk + 1) * pixels;
  const std::int64_t blocks = (threads - 1) / kThreads + 1;
  config = {name, {static_cast<unsigned>(blocks)}, kThreads};
  return blocks <= INT32_MAX / kThreads;
}

constexpr DeviceStatus kNotPossible{DeviceCode::kInvalidArgument,
                                    "layout conversion: an extent is not possible"};

}  // namespace

DeviceStatus nchw_to_nhwc(const LayoutArgs& args, Stream stream) {
  LaunchConfig config{};
  if (!make_config("nchw_to_nhwc", args.n, args.c, args.pixels, config)) return kNotPossible;
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(nchw_to_nhwc_kernel<T>, config, stream, args);
  });
}

DeviceStatus nhwc_to_nchw(const LayoutArgs& args, Stream stream) {
  LaunchConfig config{};
  if (!make_config("nhwc_to_nchw", args.n, args.c, args.pixels, config)) return kNotPossible;
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(nhwc_to_nchw_kernel<T>, config, stream, args);
  });
}

DeviceStatus images_to_nhwc(const ImagesArgs& args, Stream stream) {
  LaunchConfig config{};
  if (!make_config("images_to_nhwc", args.n, 3, args.pixels, config)) return kNotPossible;
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(images_to_nhwc_kernel<T>, config, stream, args);
  });
}

DeviceStatus images_to_nchw(const ImagesArgs& args, Stream stream) {
  LaunchConfig config{};
  if (!make_config("images_to_nchw", args.n, 3, args.pixels, config)) return kNotPossible;
  return launch(images_to_nchw_kernel, config, stream, args);
}

}  // namespace nestor
