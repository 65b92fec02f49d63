// dst[n,p,q] = the first class whose score, resized to p x q, is the largest.
//
// A thread makes a pixel: 8 classes at a time are interpolated from four pixels of src, which lie
// together and which its neighbours read too. Padding never wins. float32, each operation rounded.
// Scores at the image's size are never stored: 150 classes of 480 x 480 pixels would be 69 MB.
// Not hot: an hundredth of the network's time by bytes; bound by loads from the cache.
#include "kernels/class_map/class_map.h"
#include "kernels/device/pointwise.cuh"
#include "kernels/resize_bilinear/align_corners.cuh"

namespace nestor {
namespace {

struct Kernel {
  ClassMapArgs args;
  float row_scale, column_scale;
};

template <class T>
__device__ __forceinline__ int best_class(const T* src, const ClassMapArgs& args,
                                          const BilinearTap& row, const BilinearTap& column) {
  float largest = -INFINITY;
  int best = 0;
  for (int first = 0; first < args.num_classes; first += kChunk) {
    float scores[kChunk];
    bilinear_chunk(src + first, args.w, args.c, row, column, scores);
#pragma unroll
    for (int j = 0; j < kChunk; ++j) {
      if (first + j < args.num_classes && scores[j] > largest) {
        largest = scores[j];
        best = first + j;
      }
    }
  }
  return best;
}

template <class T, class Class>
__global__ void __launch_bounds__(kPointwiseThreads)
    class_map_kernel(const __grid_constant__ Kernel kernel) {
  const ClassMapArgs& args = kernel.args;
  const unsigned pixel = pointwise_chunk();  // of the batch
  const unsigned row = pixel / static_cast<unsigned>(args.q);
  const unsigned image = row / static_cast<unsigned>(args.p);
  if (image < static_cast<unsigned>(args.n)) {
    const T* const src = static_cast<const T*>(args.src) +
                         static_cast<std::int64_t>(image) * args.h * args.w * args.c;
    const int best =
        best_class(src, args,
                   bilinear_tap(static_cast<int>(row % static_cast<unsigned>(args.p)), args.h,
                                kernel.row_scale),
                   bilinear_tap(static_cast<int>(pixel % static_cast<unsigned>(args.q)), args.w,
                                kernel.column_scale));
    static_cast<Class*>(args.dst)[pixel] = static_cast<Class>(best);
  }
}

float scale_of(int size, int dst_size) {
  return dst_size > 1 ? static_cast<float>(size - 1) / static_cast<float>(dst_size - 1) : 0.0f;
}

}  // namespace

DeviceStatus class_map(const ClassMapArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.h < 1 || args.w < 1 || args.p < 1 || args.q < 1 || args.num_classes < 1 ||
      args.c < args.num_classes || args.c % kChunk != 0 ||
      !pointwise_config("class_map", static_cast<std::int64_t>(args.n) * args.p * args.q, config)) {
    return {DeviceCode::kInvalidArgument, "class_map: an extent is not possible"};
  }
  const Kernel kernel{args, scale_of(args.h, args.p), scale_of(args.w, args.q)};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return args.num_classes <= 256
               ? launch(class_map_kernel<T, std::uint8_t>, config, stream, kernel)
               : launch(class_map_kernel<T, std::int32_t>, config, stream, kernel);
  });
}

}  // namespace nestor
