// The stem's first convolution, by FFMA: K = 27 is too short for tensor cores to gain much where
// memory is the limit.
//
//   dst[n,p,q,k] = act(bias[k] + sum_{r,s,c} x[n, 2p - 1 + r, 2q - 1 + s, c] * weight[r,s,c,k])
//
//   grid    n * p * ceil(q / 4) * (k / 8) threads, in this order, 128 a block
//   thread  4 neighbouring pixels of a row of dst, 8 channels: for each r it reads 9 pixels of src
//           and then takes 9 chunks of 8 weights from shared memory, 32 products each
//
//   src row   -1  0  1  2  3  4  5  6  7      columns from 2q - 1
//   pixel 0    s  s  s
//   pixel 1          s  s  s
//   pixel 2                s  s  s
//   pixel 3                      s  s  s
//
// Zeros surround the *normalised* image: with `images` the pixels go through a table of 3 x 256
// values in shared memory, computed by each block with the two divisions of images_to_nhwc() and
// rounded to the storage, so that both ways give the same bits.
// Shared memory 7 KB, 10 KB with the table. float32 sums in the order r, s, c; one rounding.
// An output's bits depend on its window only. 96 FFMA stand against 6 LDS.128.
// kernels.md: 20 us at batch 16 and 224 x 224 on V100 by DRAM; not measured yet.
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/stem_convolution/stem_convolution.h"

namespace nestor {
namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 4;                 // of a thread
constexpr int kColumns = 2 * kPixels + 1;  // of src that these need
constexpr int kTaps = 27;

// Pixels of a tensor with 8 channels: 8 or 16 bytes hold the 3 that count.
template <class T>
struct TensorPixels {
  struct Smem {};
  static __device__ __forceinline__ void prepare(const StemConvolutionArgs&, Smem&) {}
  static __device__ __forceinline__ void load_pixel(const StemConvolutionArgs& args, Smem&,
                                                    std::int64_t pixel, float (&x)[3]) {
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

// Bytes of an image, normalised.
template <class T>
struct ImagePixels {
  static constexpr int kLevels = 256;
  struct Smem {
    SharedArray<float, 3 * kLevels> values;  // [channel][level]
  };
  static __device__ __forceinline__ void prepare(const StemConvolutionArgs& args, Smem& smem) {
    for (int i = static_cast<int>(threadIdx.x); i < 3 * kLevels; i += kThreads) {
      const int c = i / kLevels;
      const auto level = static_cast<float>(i % kLevels);
      smem.values[i] = rounded<T>((level / 255.0f - args.mean[c]) / args.std[c]);
    }
  }
  static __device__ __forceinline__ void load_pixel(const StemConvolutionArgs& args, Smem& smem,
                                                    std::int64_t pixel, float (&x)[3]) {
#pragma unroll
    for (int c = 0; c < 3; ++c) x[c] = smem.values[c * kLevels + args.images[3 * pixel + c]];
  }
};

template <class Pixels>
struct Smem {
  ChunkPlanes<kTaps * kMaxStemChannels> weight;  // [27][k]
  typename Pixels::Smem pixels;
};

// sum += the products of row r of the filter.
template <class Pixels>
__device__ __forceinline__ void add_row(const StemConvolutionArgs& args, Smem<Pixels>& smem,
                                        std::int64_t first_pixel, int left, int r, int chunk,
                                        float (&sum)[kPixels][kChunk]) {
  float x[kColumns][3];
#pragma unroll
  for (int i = 0; i < kColumns; ++i) {
    x[i][0] = x[i][1] = x[i][2] = 0.0f;
    if (left + i >= 0 && left + i < args.w) {
      Pixels::load_pixel(args, smem.pixels, first_pixel + left + i, x[i]);
    }
  }
#pragma unroll
  for (int s = 0; s < 3; ++s) {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      float weight[kChunk];
      smem.weight.load_chunk(((r * 3 + s) * 3 + c) * args.k + chunk * kChunk, weight);
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
#pragma unroll
        for (int j = 0; j < kChunk; ++j) sum[i][j] += x[2 * i + s][c] * weight[j];
      }
    }
  }
}

template <class T, class Pixels>
__global__ void __launch_bounds__(kThreads)
    stem_convolution_kernel(const __grid_constant__ StemConvolutionArgs args) {
  Smem<Pixels>& smem = block_smem<Smem<Pixels>>();
  for (int i = static_cast<int>(threadIdx.x); i < kTaps * args.k; i += kThreads) {
    smem.weight[i] = args.weight[i];
  }
  Pixels::prepare(args, smem.pixels);
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
#pragma unroll 1  // the body is 900 instructions
    for (int r = 0; r < 3; ++r) {
      const int y = 2 * row - 1 + r;
      if (y >= 0 && y < args.h) {
        add_row<Pixels>(args, smem, (image * args.h + y) * args.w, 2 * column - 1, r, chunk, sum);
      }
    }
    T* const dst = static_cast<T*>(args.dst) + (batch_row * q + column) * args.k +
                   chunk * kChunk;  // [4 pixels], k apart
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (column + i < q) {
#pragma unroll
        for (int j = 0; j < kChunk; ++j) sum[i][j] = args.relu ? relu(sum[i][j]) : sum[i][j];
        store_chunk(dst + static_cast<std::int64_t>(i) * args.k, sum[i]);
      }
    }
  }
}

template <class T, class Pixels>
DeviceStatus launch_on(unsigned blocks, const StemConvolutionArgs& args, Stream stream) {
  const LaunchConfig config{"stem_convolution", {blocks}, kThreads, sizeof(Smem<Pixels>)};
  return launch(stem_convolution_kernel<T, Pixels>, config, stream, args);
}

}  // namespace

DeviceStatus stem_convolution(const StemConvolutionArgs& args, Stream stream) {
  if (args.n < 1 || args.h < 1 || args.w < 1 || args.k < kChunk || args.k % kChunk != 0 ||
      args.k > kMaxStemChannels) {
    return {DeviceCode::kInvalidArgument, "stem_convolution: an extent is not possible"};
  }
  if ((args.src == nullptr) == (args.images == nullptr)) {
    return {DeviceCode::kInvalidArgument, "stem_convolution: needs either src or images"};
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
    return args.src != nullptr ? launch_on<T, TensorPixels<T>>(grid, args, stream)
                               : launch_on<T, ImagePixels<T>>(grid, args, stream);
  });
}

}  // namespace nestor
