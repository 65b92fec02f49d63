// dst[pixel, begin of source i + c] = source i [pixel, c]
//
// A thread makes a chunk of 8 channels of a pixel of dst: by one copy where a single source has all
// of it and begins at a multiple of 8 (whose own padding is zero, as dst's must be), else by single
// elements. Exact. Memory-bound.
// Not hot: a single op that copies.
#include "kernels/concat/concat.h"
#include "kernels/device/pointwise.cuh"

namespace nestor {
namespace {

struct ConcatKernelArgs {
  ConcatArgs concat;
  int begin[kMaxConcatSources + 1];  // of each source in dst, and the end of the last
  int num_chunks;                    // of a pixel of dst
};

__device__ __forceinline__ int padded_to_chunk(int channels) {
  return (channels + kChunk - 1) / kChunk * kChunk;
}

// The source that channel c is of, or that follows it.
__device__ __forceinline__ int source_of(const ConcatKernelArgs& args, int c) {
  int source = 0;
  while (source + 1 < args.concat.num_sources && c >= args.begin[source + 1]) ++source;
  return source;
}

template <class T>
__device__ __forceinline__ const T* element(const ConcatKernelArgs& args, int source,
                                            unsigned pixel, int c) {
  const ConcatSource& from = args.concat.sources[source];
  return static_cast<const T*>(from.data) + std::int64_t{pixel} * padded_to_chunk(from.channels) +
         (c - args.begin[source]);
}

__device__ __forceinline__ void copy_chunk(const Half* src, Half* dst) { st128(dst, ld128(src)); }
__device__ __forceinline__ void copy_chunk(const float* src, float* dst) {
  st128(dst, ld128(src));
  st128(dst + 4, ld128(src + 4));
}

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    concat_kernel(const __grid_constant__ ConcatKernelArgs args) {
  const unsigned chunk = pointwise_chunk(), pixel = chunk / args.num_chunks;
  if (pixel < args.concat.pixels) {
    const int c = static_cast<int>(chunk % args.num_chunks) * kChunk;
    const int source = source_of(args, c);
    const bool is_last = source == args.concat.num_sources - 1;
    T* const dst = static_cast<T*>(args.concat.dst) + std::int64_t{chunk} * kChunk;
    if (args.begin[source] % kChunk == 0 && (is_last || c + kChunk <= args.begin[source + 1])) {
      copy_chunk(element<T>(args, source, pixel, c), dst);
    } else {
      for (int i = 0; i < kChunk; ++i) {
        dst[i] = T{};
        if (c + i < args.begin[args.concat.num_sources]) {
          dst[i] = *element<T>(args, source_of(args, c + i), pixel, c + i);
        }
      }
    }
  }
}

}  // namespace

DeviceStatus concat(const ConcatArgs& args, Stream stream) {
  ConcatKernelArgs kernel_args{args, {}, 0};
  bool possible = args.num_sources >= 1 && args.num_sources <= kMaxConcatSources;
  for (int i = 0; possible && i < args.num_sources; ++i) {
    possible = args.sources[i].channels >= 1;
    kernel_args.begin[i + 1] = kernel_args.begin[i] + args.sources[i].channels;
  }
  LaunchConfig config{};
  if (possible) {
    kernel_args.num_chunks = (kernel_args.begin[args.num_sources] - 1) / kChunk + 1;
    possible = pointwise_config("concat", args.pixels * kernel_args.num_chunks, config);
  }
  if (!possible) return {DeviceCode::kInvalidArgument, "concat: an extent is not possible"};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(concat_kernel<T>, config, stream, kernel_args);
  });
}

}  // namespace nestor
