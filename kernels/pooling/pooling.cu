// Pooling over square windows.
//
//   dst[n,y,x,c] = max or mean of src[n, y*stride - pad + r, x*stride - pad + s, c],  r, s < kernel
//
//   grid    n * p * q * (c / 8) threads, in this order, 256 a block
//   thread  8 channels of a pixel of dst; neighbouring lanes read and write neighbouring chunks
//
// Neighbouring windows overlap: their pixels come from L1 and L2. Sums are float32 in the order of
// the window's rows, and rounded once; a maximum is exact. Windows of 2 and 3 are unrolled.
// Memory-bound; not measured yet. A pixel's bits depend on its window only.
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/pooling/pooling.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;

struct Maximum {
  static constexpr float kStart = -INFINITY;
  // NaN is passed on: no comparison with it holds, and it is unequal to itself.
  static __device__ __forceinline__ float add(float largest, float value) {
    return value > largest || value != value ? value : largest;
  }
  static __device__ __forceinline__ float finish(float largest, float) { return largest; }
};

struct Average {
  static constexpr float kStart = 0;
  static __device__ __forceinline__ float add(float sum, float value) { return sum + value; }
  static __device__ __forceinline__ float finish(float sum, float scale) { return sum * scale; }
};

// kKernel: the window's side, or 0 for one that is known at run time.
template <class T, class Kind, int kKernel>
__global__ void __launch_bounds__(kThreads)
    pooling_kernel(const __grid_constant__ PoolingArgs args) {
  const int kernel = kKernel == 0 ? args.kernel : kKernel;
  [[maybe_unused]] constexpr int kUnrolled = kKernel == 0 ? 1 : kKernel;  // by nvcc alone
  const int num_chunks = args.c / kChunk;
  const int thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const int pixel = thread / num_chunks;  // of dst, in the batch
  const int chunk = thread % num_chunks;
  if (pixel < args.n * args.p * args.q) {
    const int image = pixel / (args.p * args.q);
    const int top = pixel / args.q % args.p * args.stride - args.pad;
    const int left = pixel % args.q * args.stride - args.pad;
    const T* const src = static_cast<const T*>(args.src) +
                         static_cast<std::int64_t>(image) * args.h * args.w * args.c +
                         chunk * kChunk;  // [h][w] of this image's chunk
    float result[kChunk];
#pragma unroll
    for (int i = 0; i < kChunk; ++i) result[i] = Kind::kStart;
    int num_pixels = 0;
#pragma unroll kUnrolled
    for (int r = 0; r < kernel; ++r) {
#pragma unroll kUnrolled
      for (int s = 0; s < kernel; ++s) {
        const int y = top + r, x = left + s;
        if (y >= 0 && y < args.h && x >= 0 && x < args.w) {
          float values[kChunk];
          load_chunk(src + static_cast<std::int64_t>(y * args.w + x) * args.c, values);
#pragma unroll
          for (int i = 0; i < kChunk; ++i) result[i] = Kind::add(result[i], values[i]);
          ++num_pixels;
        }
      }
    }
    const float scale =
        1.0f / static_cast<float>(args.count_include_pad ? kernel * kernel : num_pixels);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) result[i] = Kind::finish(result[i], scale);
    store_chunk(
        static_cast<T*>(args.dst) + static_cast<std::int64_t>(pixel) * args.c + chunk * kChunk,
        result);
  }
}

template <class T, class Kind>
DeviceStatus launch_kind(const LaunchConfig& config, const PoolingArgs& args, Stream stream) {
  switch (args.kernel) {
    case 2: return launch(pooling_kernel<T, Kind, 2>, config, stream, args);
    case 3: return launch(pooling_kernel<T, Kind, 3>, config, stream, args);
    default: return launch(pooling_kernel<T, Kind, 0>, config, stream, args);
  }
}

// Windows of one axis: the first and the last hold a pixel.
bool windows_fit(int size, int count, const PoolingArgs& args) {
  return size > 0 && count > 0 && args.pad < args.kernel &&
         static_cast<std::int64_t>(count - 1) * args.stride - args.pad < size;
}

}  // namespace

DeviceStatus pooling(const PoolingArgs& args, Stream stream) {
  if (args.n < 1 || args.c < kChunk || args.c % kChunk != 0 || args.kernel < 1 || args.stride < 1 ||
      args.pad < 0 || !windows_fit(args.h, args.p, args) || !windows_fit(args.w, args.q, args)) {
    return {DeviceCode::kInvalidArgument, "pooling: an extent is not possible"};
  }
  const std::int64_t pixels = static_cast<std::int64_t>(args.n) * args.p * args.q;
  const std::int64_t blocks = (pixels * (args.c / kChunk) - 1) / kThreads + 1;
  if (blocks > INT32_MAX / kThreads) {
    return {DeviceCode::kInvalidArgument, "pooling: too many pixels"};
  }
  const LaunchConfig config{"pooling", {static_cast<unsigned>(blocks)}, kThreads};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return args.is_max ? launch_kind<T, Maximum>(config, args, stream)
                       : launch_kind<T, Average>(config, args, stream);
  });
}

}  // namespace nestor
