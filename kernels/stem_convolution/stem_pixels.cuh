#pragma once
// Where a stem's pixels come from: the network's input as it is given (float32 planes), a tensor in
// the kernels' layout, or bytes of images.
//
// Zeros surround the *normalised* image: bytes go through a table of 3 x 256 values in shared
// memory, computed by each block with the two divisions of images_to_nhwc(). All are rounded to the
// storage T, so that the three ways give the same bits.
//
//   zeros_before<kSize>(args, extent)        above, left: of h lines, of w columns
//   prepare(args, smem, num_threads)         by all threads of a block, before a barrier
//   load_pixel(args, smem, image, pixel, x)  `pixel` counts those of the images before, too

#include "kernels/device/storage.cuh"
#include "kernels/stem_convolution/stem_convolution.h"

namespace nestor {

template <int kSize>
__device__ __forceinline__ int zeros_before(const StemConvolutionArgs& args, int extent) {
  return kSize / 2 - (args.same && extent % 2 == 0 ? 1 : 0);
}

// Pixels of a tensor with 8 channels: 8 or 16 bytes hold the 3 that count.
template <class T>
struct TensorPixels {
  struct Smem {};
  static __device__ __forceinline__ void prepare(const StemConvolutionArgs&, Smem&, int) {}
  static __device__ __forceinline__ void load_pixel(const StemConvolutionArgs& args, Smem&,
                                                    std::int64_t, std::int64_t pixel,
                                                    float (&x)[3]) {
    load_first(static_cast<const T*>(args.src) + pixel * kChunk, x);
  }
  static __device__ __forceinline__ void load_first(const float* address, float (&x)[3]) {
    const float4 quad = load<float4>(address);
    x[0] = quad.x;
    x[1] = quad.y;
    x[2] = quad.z;
  }
  static __device__ __forceinline__ void load_first(const Half* address, float (&x)[3]) {
    const uint2 bits = load<uint2>(address);
    const float2 pair = unpack_half2(bits.x);
    x[0] = pair.x;
    x[1] = pair.y;
    x[2] = unpack_half2(bits.y).x;
  }
};

// A plane a channel.
template <class T>
struct PlanePixels {
  struct Smem {};
  static __device__ __forceinline__ void prepare(const StemConvolutionArgs&, Smem&, int) {}
  static __device__ __forceinline__ void load_pixel(const StemConvolutionArgs& args, Smem&,
                                                    std::int64_t image, std::int64_t pixel,
                                                    float (&x)[3]) {
    const std::int64_t plane = std::int64_t{1} * args.h * args.w;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      x[c] = rounded<T>(load<float>(args.planes + pixel + (2 * image + c) * plane));
    }
  }
};

// Bytes of an image, normalised.
template <class T>
struct ImagePixels {
  static constexpr int kLevels = 256;
  struct Smem {
    SharedArray<float, 3 * kLevels> values;  // [channel][level]
  };
  static __device__ __forceinline__ void prepare(const StemConvolutionArgs& args, Smem& smem,
                                                 int num_threads) {
    for (int i = static_cast<int>(threadIdx.x); i < 3 * kLevels; i += num_threads) {
      const int c = i / kLevels;
      const auto level = static_cast<float>(i % kLevels);
      smem.values[i] = rounded<T>((level / 255.0f - args.mean[c]) / args.std[c]);
    }
  }
  static __device__ __forceinline__ void load_pixel(const StemConvolutionArgs& args, Smem& smem,
                                                    std::int64_t, std::int64_t pixel,
                                                    float (&x)[3]) {
#pragma unroll
    for (int c = 0; c < 3; ++c) x[c] = smem.values[c * kLevels + args.images[3 * pixel + c]];
  }
};

}  // namespace nestor
