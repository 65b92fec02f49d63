// Align-corners bilinear resize, for plans that keep resized scores or pooled branches: somebody
// wants them.
//
// A thread makes 8 channels of a pixel of dst. float32, one rounding at the end. Memory-bound.
// Not hot: class_map resizes on the way.
#include "kernels/device/pointwise.cuh"
#include "kernels/resize_bilinear/align_corners.cuh"
#include "kernels/resize_bilinear/resize_bilinear.h"

namespace nestor {
namespace {

struct Kernel {
  ResizeBilinearArgs args;
  float row_scale, column_scale;
};

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    resize_bilinear_kernel(const __grid_constant__ Kernel kernel) {
  const ResizeBilinearArgs& args = kernel.args;
  const unsigned chunk = pointwise_chunk();
  const auto num_chunks = static_cast<unsigned>(args.c / kChunk);
  const unsigned pixel = chunk / num_chunks;  // of the batch
  const unsigned row = pixel / static_cast<unsigned>(args.q);
  const unsigned image = row / static_cast<unsigned>(args.p);
  if (image < static_cast<unsigned>(args.n)) {
    const T* const src = static_cast<const T*>(args.src) +
                         static_cast<std::int64_t>(image) * args.h * args.w * args.c +
                         chunk % num_chunks * kChunk;
    float values[kChunk];
    bilinear_chunk(src, args.w, args.c,
                   bilinear_tap(static_cast<int>(row % static_cast<unsigned>(args.p)), args.h,
                                kernel.row_scale),
                   bilinear_tap(static_cast<int>(pixel % static_cast<unsigned>(args.q)), args.w,
                                kernel.column_scale),
                   values);
    store_chunk(static_cast<T*>(args.dst) + static_cast<std::int64_t>(chunk) * kChunk, values);
  }
}

float scale_of(int size, int dst_size) {
  return dst_size > 1 ? static_cast<float>(size - 1) / static_cast<float>(dst_size - 1) : 0.0f;
}

}  // namespace

DeviceStatus resize_bilinear(const ResizeBilinearArgs& args, Stream stream) {
  LaunchConfig config{};
  if (args.h < 1 || args.w < 1 || args.p < 1 || args.q < 1 || args.c < kChunk ||
      args.c % kChunk != 0 ||
      !pointwise_config("resize_bilinear",
                        static_cast<std::int64_t>(args.n) * args.p * args.q * (args.c / kChunk),
                        config)) {
    return {DeviceCode::kInvalidArgument, "resize_bilinear: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(resize_bilinear_kernel<T>, config, stream,
                  Kernel{args, scale_of(args.h, args.p), scale_of(args.w, args.q)});
  });
}

}  // namespace nestor
