// The stem's first convolution, by FFMA.
//
//   dst[n,p,q,k] = act(bias[k]
//                      + sum_{r,s,c} x[n, 2p - above + r, 2q - left + s, c] * weight[r,s,c,k])
//
//   filters of 3x3 and 7x7, zeros_before() of them; dst has (h + 1) / 2 lines of (w + 1) / 2 pixels
//
//   grid    n * p * ceil(q / 4) * (k / 8) threads, in this order, 128 a block
//   thread  4 neighbouring pixels of a row of dst, 8 channels: for each r it reads 9 (13) pixels of
//           src and then takes 9 (21) chunks of 8 weights from shared memory, 32 products each
//
//   src row   -1  0  1  2  3  4  5  6  7      columns from 2q - 1, with `left` 1
//   pixel 0    s  s  s
//   pixel 1          s  s  s
//   pixel 2                s  s  s
//   pixel 3                      s  s  s
//
// Where the pixels come from is a policy (stem_pixels.cuh).
// Shared memory 7 KB (7x7: 37 KB), 3 KB more with the table. float32 sums in the order r, s, c; one
// rounding. An output's bits depend on its window only. 96 FFMA stand against 6 LDS.128.
// kernels.md: 20 us at batch 16 and 224 x 224 on V100 by DRAM; not measured yet.
#include "kernels/device/activation.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/stem_convolution/stem_convolution.h"
#include "kernels/stem_convolution/stem_pixels.cuh"

namespace nestor {
namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 4;  // of a thread

template <class Pixels, int kSize>
struct Smem {
  ChunkPlanes<3 * kSize * kSize * kMaxStemChannels> weight;  // [size][size][3][k]
  typename Pixels::Smem pixels;
};

// Where a row of the filter lies over src: `pixel` is its first one, `left` that one's column,
// which may lie outside.
struct FilterRow {
  std::int64_t image, pixel;
  int left;
};

// sum += the products of row r of the filter.
template <class Pixels, int kSize>
__device__ __forceinline__ void add_row(const StemConvolutionArgs& args, Smem<Pixels, kSize>& smem,
                                        const FilterRow& row, int r, int chunk,
                                        float (&sum)[kPixels][kChunk]) {
  constexpr int kColumns = 2 * (kPixels - 1) + kSize;  // of src that the pixels need
  float x[kColumns][3];
#pragma unroll
  for (int i = 0; i < kColumns; ++i) {
    x[i][0] = x[i][1] = x[i][2] = 0.0f;
    if (row.left + i >= 0 && row.left + i < args.w) {
      Pixels::load_pixel(args, smem.pixels, row.image, row.pixel + i, x[i]);
    }
  }
#pragma unroll
  for (int s = 0; s < kSize; ++s) {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      float weight[kChunk];
      smem.weight.load_chunk(((r * kSize + s) * 3 + c) * args.k + chunk * kChunk, weight);
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
#pragma unroll
        for (int j = 0; j < kChunk; ++j) sum[i][j] += x[2 * i + s][c] * weight[j];
      }
    }
  }
}

template <class T, class Pixels, int kSize>
__global__ void __launch_bounds__(kThreads)
    stem_convolution_kernel(const __grid_constant__ StemConvolutionArgs args) {
  Smem<Pixels, kSize>& smem = block_smem<Smem<Pixels, kSize>>();
  for (int i = static_cast<int>(threadIdx.x); i < 3 * kSize * kSize * args.k; i += kThreads) {
    smem.weight[i] = args.weight[i];
  }
  Pixels::prepare(args, smem.pixels, kThreads);
  __syncthreads();  // weights and table are written before they are read

  const int p = (args.h - 1) / 2 + 1, q = (args.w - 1) / 2 + 1;
  const int num_chunks = args.k / kChunk;
  const int tiles_of_row = (q - 1) / kPixels + 1;
  const int thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const int chunk = thread % num_chunks;
  const int column = thread / num_chunks % tiles_of_row * kPixels;
  const std::int64_t batch_row = thread / num_chunks / tiles_of_row;  // of dst
  if (batch_row < static_cast<std::int64_t>(args.n) * p) {
    const std::int64_t image = static_cast<int>(batch_row) / p;
    const int row = static_cast<int>(batch_row) % p;
    float sum[kPixels][kChunk];
    load_chunk(args.bias + chunk * kChunk, sum[0]);
#pragma unroll
    for (int i = 1; i < kPixels; ++i) {
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sum[i][j] = sum[0][j];
    }
    const int left = 2 * column - zeros_before<kSize>(args, args.w);
#pragma unroll 1  // the body is 300 instructions a column of the filter
    for (int r = 0; r < kSize; ++r) {
      // Counted anew for each row: kept, zeros_before() would spill.
      const int y = 2 * row + r - zeros_before<kSize>(args, opaque(args.h));
      if (y >= 0 && y < args.h) {
        add_row(args, smem, {image, (image * args.h + y) * args.w + left, left}, r, chunk, sum);
      }
    }
    T* const dst = static_cast<T*>(args.dst) + (batch_row * q + column) * args.k +
                   chunk * kChunk;  // [4 pixels], k apart
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (column + i < q) {
        activate(args.activation, sum[i]);
        store_chunk(dst + static_cast<std::int64_t>(i) * args.k, sum[i]);
      }
    }
  }
}

template <class T, class Pixels, int kSize>
DeviceStatus launch_size(unsigned blocks, const StemConvolutionArgs& args, Stream stream) {
  const LaunchConfig config{"stem_convolution", {blocks}, kThreads, sizeof(Smem<Pixels, kSize>)};
  return launch(stem_convolution_kernel<T, Pixels, kSize>, config, stream, args);
}

template <class T, class Pixels>
DeviceStatus launch_pixels(unsigned blocks, const StemConvolutionArgs& args, Stream stream) {
  return args.size == 3 ? launch_size<T, Pixels, 3>(blocks, args, stream)
                        : launch_size<T, Pixels, 7>(blocks, args, stream);
}

}  // namespace

DeviceStatus stem_convolution(const StemConvolutionArgs& args, Stream stream) {
  if (args.n < 1 || args.h < 1 || args.w < 1 || args.k < kChunk || args.k % kChunk != 0 ||
      args.k > kMaxStemChannels || (args.size != 3 && args.size != 7)) {
    return {DeviceCode::kInvalidArgument, "stem_convolution: an extent is not possible"};
  }
  if (num_stem_sources(args) != 1) {
    return {DeviceCode::kInvalidArgument, "stem_convolution: needs one of src, planes and images"};
  }
  const int p = (args.h - 1) / 2 + 1, q = (args.w - 1) / 2 + 1;
  const std::int64_t threads =
      static_cast<std::int64_t>(args.n) * p * ((q - 1) / kPixels + 1) * (args.k / kChunk);
  const std::int64_t blocks = (threads - 1) / kThreads + 1;
  if (blocks > INT32_MAX / kThreads) {
    return {DeviceCode::kInvalidArgument, "stem_convolution: too many pixels"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    const auto grid = static_cast<unsigned>(blocks);
    if (args.planes != nullptr) return launch_pixels<T, PlanePixels<T>>(grid, args, stream);
    return args.src != nullptr ? launch_pixels<T, TensorPixels<T>>(grid, args, stream)
                               : launch_pixels<T, ImagePixels<T>>(grid, args, stream);
  });
}

}  // namespace nestor
