// Depthwise convolution, 3x3 and 5x5, stride 1 and 2.
//
//   dst[n,p,q,c] = act(bias[c] + sum_{r,s} src[n, p*stride - above + r, q*stride - left + s, c]
//                                          * weight[r,s,c])
//
//   src, dst NHWC, weight [r][s][c], all of the storage T; sums float32 in the order r, s
//
//   grid    (chunks / block's, runs / block's, lines / block's, images) as depthwise_grid() cuts
//   block   up to 256 threads: chunks of 8 channels are the fastest, then runs of a line, then
//           lines, so that the pixels that neighbouring threads share are in L1
//   thread  8 channels of a run of 4 neighbouring pixels of dst (stride 2: of 2). For each row of
//           the filter it loads the pixels of src that the run needs, all on their way at once, and
//           then for each tap 8 weights, multiplied with every pixel of the run:
//
//   3x3, stride 1     src  0 1 2 3 4 5        3x3, stride 2     src  0 1 2 3 4
//            pixel 0       s s s                       pixel 0       s s s
//            pixel 1         s s s                     pixel 1           s s s
//            pixel 2           s s s
//            pixel 3             s s s
//
// No shared memory: what a block reads of src fits L1 (25 KB with 3x3 and halves), and rows of the
// patch would be stored, waited for and loaded again for no byte of DRAM less.
//
// Registers: 64 to 122, so two blocks or more.
//
// Roofline, by arithmetic (not measured): a pixel's chunk of halves is read and written once, 32
// bytes of DRAM. From L1 come with stride 1 72 bytes of src and 36 of weights for 3x3, 160 and 100
// for 5x5: at 128 bytes a clock and multiprocessor 0.2 and 0.5 of the time that a V100's DRAM takes
// (900 GB/s), 0.5 and 1.3 of an H200's (4.8 TB/s). FFMA are 72 and 200 a chunk: 0.3 and 0.7 of that
// time on V100, 0.3 and 1.0 on H200. So DRAM is the limit but for 5x5 on H200, where L1 is.
#include "kernels/depthwise_convolution/depthwise_convolution.h"
#include "kernels/device/activation.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"

namespace nestor {
namespace {

struct DepthwiseKernelArgs {
  DepthwiseConvolutionArgs problem;
  DepthwiseGrid grid;
};

// 8 channels as they are stored.
template <class T>
struct RawChunk {
  uint4 words[sizeof(T) / 2];
};

template <class T>
__device__ __forceinline__ RawChunk<T> fetch(const T* address, bool exists) {
  RawChunk<T> raw;
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(T) / 2); ++i) {
    raw.words[i] = make_uint4(0, 0, 0, 0);
    if (exists) raw.words[i] = ld128(address + 4 * i);
  }
  return raw;
}

__device__ __forceinline__ void unpack(const RawChunk<float>& raw, float (&values)[kChunk]) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    values[4 * i] = __uint_as_float(raw.words[i].x);
    values[4 * i + 1] = __uint_as_float(raw.words[i].y);
    values[4 * i + 2] = __uint_as_float(raw.words[i].z);
    values[4 * i + 3] = __uint_as_float(raw.words[i].w);
  }
}
__device__ __forceinline__ void unpack(const RawChunk<Half>& raw, float (&values)[kChunk]) {
  const std::uint32_t pairs[4] = {raw.words[0].x, raw.words[0].y, raw.words[0].z, raw.words[0].w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = unpack_half2(pairs[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

// What a thread computes; nothing where `exists` is false.
struct Run {
  bool exists;
  int image, line, column, channel;  // of dst; column of the run's first pixel
};

template <int kPixels>
__device__ __forceinline__ Run run_of_thread(const DepthwiseKernelArgs& args) {
  const DepthwiseGrid& grid = args.grid;
  const int thread = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x);
  const int chunk = block % grid.blocks_c * grid.block.chunks + thread % grid.block.chunks;
  const int item = thread / grid.block.chunks, row = block / grid.blocks_c;
  const int line_of_block = item / grid.block.runs;
  Run run;
  run.channel = chunk * kChunk;
  run.column = (row % grid.blocks_x * grid.block.runs + item % grid.block.runs) * kPixels;
  run.line = row / grid.blocks_x % grid.blocks_y * grid.block.lines + line_of_block;
  run.image = row / grid.blocks_x / grid.blocks_y;
  run.exists = line_of_block < grid.block.lines && run.channel < args.problem.c &&
               run.column < args.problem.q && run.line < args.problem.p;
  return run;
}

// sums += the products of one row of the filter. `row` is the run's first pixel of src, which may
// lie outside, in column `left`.
template <class T, int kSize, int kStride, int kPixels>
__device__ __forceinline__ void add_row(const DepthwiseConvolutionArgs& args, const T* row,
                                        const T* weight, int left, float (&sums)[kPixels][kChunk]) {
  constexpr int kColumns = (kPixels - 1) * kStride + kSize;  // of src that the run needs
  // Places of columns and whether they exist are not kept from row to row: they would spill.
  const int c = opaque(args.c), first = opaque(left);
  RawChunk<T> src[kColumns];
#pragma unroll
  for (int i = 0; i < kColumns; ++i) {
    src[i] = fetch(row + std::int64_t{i} * c, first + i >= 0 && first + i < args.w);
  }
#pragma unroll
  for (int s = 0; s < kSize; ++s) {
    float weights[kChunk];
    load_chunk(weight + std::int64_t{s} * c, weights);
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      float values[kChunk];
      unpack(src[i * kStride + s], values);
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sums[i][j] += values[j] * weights[j];
    }
  }
}

template <class T, int kSize, int kStride>
__global__ void __launch_bounds__(kDepthwiseThreads)
    depthwise_convolution_kernel(const __grid_constant__ DepthwiseKernelArgs kernel_args) {
  constexpr int kPixels = kStride == 1 ? kDepthwiseRun1 : kDepthwiseRun2;
  const DepthwiseConvolutionArgs& args = kernel_args.problem;
  const Run run = run_of_thread<kPixels>(kernel_args);
  if (run.exists) {
    float sums[kPixels][kChunk];
    load_chunk(args.bias + run.channel, sums[0]);
#pragma unroll
    for (int i = 1; i < kPixels; ++i) {
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sums[i][j] = sums[0][j];
    }
    const int top = run.line * kStride - args.above, left = run.column * kStride - args.left;
    const T* const weight = static_cast<const T*>(args.weight) + run.channel;
    const T* const src = static_cast<const T*>(args.src) + run.channel;
#pragma unroll 1  // or the loads of all rows take registers
    for (int r = 0; r < kSize; ++r) {
      const int y = top + r;
      if (y >= 0 && y < args.h) {
        const std::int64_t pixel = (std::int64_t{run.image} * args.h + y) * args.w + left;
        add_row<T, kSize, kStride>(args, src + pixel * args.c, weight + r * kSize * args.c, left,
                                   sums);
      }
    }
    T* const dst = static_cast<T*>(args.dst) +
                   ((std::int64_t{run.image} * args.p + run.line) * args.q + run.column) * args.c +
                   run.channel;
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (run.column + i < args.q) {
        activate(args.activation, sums[i]);
        store_chunk(dst + std::int64_t{i} * args.c, sums[i]);
      }
    }
  }
}

template <class T, int kSize, int kStride>
DeviceStatus launch_kernel(const DepthwiseKernelArgs& args, unsigned blocks, Stream stream) {
  const LaunchConfig config{"depthwise_convolution", {blocks}, kDepthwiseThreads};
  return launch(depthwise_convolution_kernel<T, kSize, kStride>, config, stream, args);
}

template <class T>
DeviceStatus launch_dtype(const DepthwiseKernelArgs& args, unsigned blocks, Stream stream) {
  const bool large = args.problem.size == 5;
  if (args.problem.stride == 1) {
    return large ? launch_kernel<T, 5, 1>(args, blocks, stream)
                 : launch_kernel<T, 3, 1>(args, blocks, stream);
  }
  return large ? launch_kernel<T, 5, 2>(args, blocks, stream)
               : launch_kernel<T, 3, 2>(args, blocks, stream);
}

// Of one axis: the first and the last window hold a pixel.
bool windows_fit(int size, int count, int before, const DepthwiseConvolutionArgs& args) {
  return size > 0 && count > 0 && before >= 0 && before < args.size &&
         (std::int64_t{count} - 1) * args.stride - before < size;
}

}  // namespace

DeviceStatus depthwise_convolution(const DepthwiseConvolutionArgs& args, Stream stream) {
  if (args.n < 1 || args.c < kChunk || args.c % kChunk != 0 || (args.size != 3 && args.size != 5) ||
      (args.stride != 1 && args.stride != 2) || !windows_fit(args.h, args.p, args.above, args) ||
      !windows_fit(args.w, args.q, args.left, args)) {
    return {DeviceCode::kInvalidArgument, "depthwise_convolution: an extent is not possible"};
  }
  const DepthwiseGrid grid = depthwise_grid(args.c, args.p, args.q, args.stride);
  const std::int64_t blocks = std::int64_t{args.n} * grid.blocks_c * grid.blocks_x * grid.blocks_y;
  if (blocks > INT32_MAX) {
    return {DeviceCode::kInvalidArgument, "depthwise_convolution: too many pixels"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch_dtype<T>({args, grid}, static_cast<unsigned>(blocks), stream);
  });
}

}  // namespace nestor
