// The stem's first convolution on tensor cores.
//
//   dst[n,p,q,k] = half(act(bias[k]
//                           + sum_{r,s,c} x[n, 2p - above + r, 2q - left + s, c] * weight[r,s,c,k]))
//
//   filters of 3x3 and 7x7, zeros_before() of them, 3 channels; x halves (stem_pixels.cuh says from what),
//   dst [n][(h+1)/2][(w+1)/2][k] halves, k = 32 or 64; sums fp32
//
//   grid    (tile columns, tile lines, images)
//   block   8 warps, 8 lines x 32 columns of dst, all k; a warp one line: 2 x (k / 16) products of
//           16x16 (Volta), or 2 x (k / 8) of 16x8
//   patch   the pixels of x that these need, 4 halves each, the last one zero: a tap of a pixel is
//           8 bytes of shared memory, and four values of K. So K is taps times 4 (36, 196) instead
//           of 27 and 147, and no index is computed but the tap's.
//
//     x, 65 x 17 pixels (7x7: 69 x 21)        a warp's 32 pixels of dst, filter row r
//     +-----------------------------+         line 2 l + r:  0 1 2 3 4 5 6 7 ... 64
//     | 8 B | 8 B | ...             |         pixel 0        s s s
//     +-----------------------------+         pixel 1            s s s
//
//   steps   Volta: a tap, k4. Others: 4 taps of a row, k16, of which a lane holds those of one tap;
//           the row is filled up with its last tap, whose weights there are zero.
//   shared memory   patch 9 or 12 KB, weights 2 to 29 KB. The sums go through 1 or 2 KB a warp, which
//                   lie over the patch, so that a pixel is written in 16-byte pieces. No bank
//                   conflicts: pixels of neighbouring rows of a fragment are 16 bytes apart, and
//                   half a warp reads 128 bytes of them at most.
//
// Main loop by the model of the SASS (V100, 1.53 GHz; not timed): tensor pipe busy 82 % with 3x3
// and k = 32 (shared memory 82 %), 97 % with 7x7 and k = 64. 3x3 is limited by memory, though: at
// batch 16, 224 x 224 and k = 32 22 MB, modelled 34 us against 38 by FFMA; 7x7 with k = 64 86
// against 329. An output's bits depend on its window only.
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"
#include "kernels/device/activation.cuh"
#include "kernels/device/launch.h"
#include "kernels/stem_convolution/stem_convolution.h"
#include "kernels/stem_convolution/stem_pixels.cuh"

namespace nestor {

constexpr int kStemPixel = 4;  // halves of a pixel in shared memory

// A step's fragments. (Named, as nvcc warns of what is unused in an unnamed namespace, and an
// architecture uses one.)
struct VoltaStem : VoltaFragments {
  using Mma = MmaF16M8N8K4;
  static constexpr int kOldest = 70, kNewest = 70;
  static constexpr int kTaps = 1;
  static __device__ __forceinline__ int tap() { return 0; }
  static __device__ __forceinline__ int row_of_a() {
    const int lane = lane_idx();
    return lane % 4 + 4 * (lane / 4 % 2) + 8 * (lane / 16);
  }
  static __device__ __forceinline__ int column_of_b() {
    const int lane = lane_idx();
    return lane % 4 + 4 * (lane / 8 % 2) + 8 * (lane / 16);
  }
  static __device__ __forceinline__ void load_a(std::uint32_t (&a)[2], const std::uint16_t* pixel) {
    const uint2 channels = nestor::load<uint2>(pixel);
    a[0] = channels.x;
    a[1] = channels.y;
  }
};

// K is permuted: of a step's 16 values a lane holds those of tap lane % 4.
template <class Instruction16x8x16, int kFirst, int kLast>
struct RowStem : LdmatrixFragments<Instruction16x8x16> {
  static constexpr int kOldest = kFirst, kNewest = kLast;
  static constexpr int kTaps = 4;
  static __device__ __forceinline__ int tap() { return lane_idx() % 4; }
  static __device__ __forceinline__ int row_of_a() { return lane_idx() / 4; }
  static __device__ __forceinline__ int column_of_b() { return lane_idx() / 4; }
  static __device__ __forceinline__ void load_a(std::uint32_t (&a)[4], const std::uint16_t* pixel) {
    const uint2 upper = nestor::load<uint2>(pixel),
                lower = nestor::load<uint2>(pixel + 8 * 2 * kStemPixel);
    a[0] = upper.x;
    a[1] = lower.x;
    a[2] = upper.y;
    a[3] = lower.y;
  }
};

namespace {

constexpr int kFragmentsM = 2;  // 32 columns of dst
constexpr int kBlocks = 2;      // that a multiprocessor shall hold

template <class Pixels, class Stem, int kSize, int kN>
struct Tile {
  static constexpr int kWidth = 2 * kStemMmaColumns - 2 + kSize;  // of the patch
  static constexpr int kLines = 2 * kStemMmaLines - 2 + kSize;
  static constexpr int kStepsPerRow = (kSize + Stem::kTaps - 1) / Stem::kTaps;
  static constexpr int kStepWeights = kN * Stem::kTaps * kStemPixel;  // halves
  static constexpr int kWeights = kSize * kStepsPerRow * kStepWeights;
  static constexpr int kPatch = kLines * kWidth * kStemPixel;
  static constexpr int kSlab = 16 * kN, kSlabs = kStemMmaLines * kSlab;  // of a warp, of all

  struct Smem : Pixels::Smem {
    SharedArray<std::uint16_t, (kPatch > kSlabs ? kPatch : kSlabs)> memory;  // patch, then slabs
    SharedArray<std::uint16_t, kWeights> weight;
  };
};

struct Position {
  int image, line, column;  // of dst
};
__device__ __forceinline__ Position position(const StemConvolutionArgs& args) {
  const int p = (args.h - 1) / 2 + 1, q = (args.w - 1) / 2 + 1;
  const int tiles_x = (q - 1) / kStemMmaColumns + 1, tiles_y = (p - 1) / kStemMmaLines + 1;
  const int tile = static_cast<int>(blockIdx.x);
  return {tile / tiles_x / tiles_y, tile / tiles_x % tiles_y * kStemMmaLines,
          tile % tiles_x * kStemMmaColumns};
}

template <class T, class Pixels, int kSize>
__device__ __forceinline__ void load_patch(const StemConvolutionArgs& args, const Position& at,
                                           typename T::Smem& smem) {
  constexpr int kPasses = 3;  // pixels on their way at once
  const int top = 2 * at.line - zeros_before<kSize>(args, args.h);
  const int left = 2 * at.column - zeros_before<kSize>(args, args.w);
#pragma unroll 1
  for (int begin = static_cast<int>(threadIdx.x); begin < T::kLines * T::kWidth;
       begin += kPasses * kStemMmaThreads) {
    float x[kPasses][3];
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int i = begin + pass * kStemMmaThreads;
      const int line = top + i / T::kWidth, column = left + i % T::kWidth;
      x[pass][0] = x[pass][1] = x[pass][2] = 0.0f;
      if (i < T::kLines * T::kWidth && line >= 0 && line < args.h && column >= 0 &&
          column < args.w) {
        const std::int64_t image = at.image;
        Pixels::load_pixel(args, smem, image, (image * args.h + line) * args.w + column, x[pass]);
      }
    }
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int i = begin + pass * kStemMmaThreads;
      if (i < T::kLines * T::kWidth) {
        store(&smem.memory[i * kStemPixel],
              make_uint2(pack_half2(x[pass][0], x[pass][1]), pack_half2(x[pass][2], 0.0f)));
      }
    }
  }
}

template <class T>
__device__ __forceinline__ void load_weights(const StemConvolutionArgs& args,
                                             typename T::Smem& smem) {
  const auto* const packed = static_cast<const std::uint16_t*>(args.packed);
  for (int i = static_cast<int>(threadIdx.x) * 8; i < T::kWeights; i += kStemMmaThreads * 8) {
    st128(&smem.weight[i], ld128(packed + i));
  }
}

// Chunk `chunk` of pixel m of a slab, in halves: rows that a fragment's lanes store together get
// different banks. They differ in bits 0, 2 and 3 of m (Volta) or in 0, 1 and 2.
template <int kN>
__device__ __forceinline__ int slab_offset(int m, int chunk) {
  const int swizzle = kN == 64 ? (m ^ (m >> 2 & 2)) & 7 : ((m >> 1 ^ m >> 3) & 1) | (m >> 1 & 2);
  return m * kN + 8 * (chunk ^ swizzle);
}

// A warp's line of dst, 16 pixels at a time.
template <class Stem, int kN, int kFragmentsN>
__device__ __forceinline__ void write_line(
    const StemConvolutionArgs& args, const Position& at, std::uint16_t* slab,
    const float (&sums)[kFragmentsM][kFragmentsN][Stem::Mma::kD]) {
  const int p = (args.h - 1) / 2 + 1, q = (args.w - 1) / 2 + 1;
  const int line = at.line + warp_idx();
  auto* const dst = static_cast<std::uint16_t*>(args.dst) +
                    (std::int64_t{1} * at.image * p + line) * q * kN;  // [q][k] of the line
#pragma unroll
  for (int i = 0; i < kFragmentsM; ++i) {
#pragma unroll
    for (int j = 0; j < kFragmentsN; ++j) {
#pragma unroll
      for (int v = 0; v < Stem::Mma::kD; v += 2) {
        const int m = Stem::row(v), k = j * Stem::kColumns + Stem::column(v);
        const float2 bias = load<float2>(args.bias + k);
        float pair[2] = {sums[i][j][v] + bias.x, sums[i][j][v + 1] + bias.y};
        activate(args.activation, pair);
        store(slab + slab_offset<kN>(m, k / 8) + k % 8, pack_half2(pair[0], pair[1]));
      }
    }
    warp_sync();  // the slab is written
    constexpr int kChunks = kN / 8;
#pragma unroll
    for (int piece = 0; piece < 16 * kChunks / 32; ++piece) {
      const int item = 32 * piece + lane_idx(), m = item / kChunks, chunk = item % kChunks;
      const int column = at.column + 16 * i + m;
      const uint4 halves = ld128(slab + slab_offset<kN>(m, chunk));
      if (line < p && column < q) st128(dst + std::int64_t{1} * column * kN + 8 * chunk, halves);
    }
    warp_sync();  // the slab is read
  }
}

template <class Pixels, class Stem, int kSize, int kN>
__global__ void __launch_bounds__(kStemMmaThreads, kBlocks)
    stem_convolution_mma_kernel(const __grid_constant__ StemConvolutionArgs args) {
  if constexpr (compiles_for<Stem::kOldest, Stem::kNewest>()) {
    using T = Tile<Pixels, Stem, kSize, kN>;
    using Mma = typename Stem::Mma;
    constexpr int kFragmentsN = kN / Stem::kColumns;
    auto& smem = block_smem<typename T::Smem>();
    const Position at = position(args);
    load_weights<T>(args, smem);
    Pixels::prepare(args, smem, kStemMmaThreads);
    __syncthreads();  // the table of levels is written before it is read
    load_patch<T, Pixels, kSize>(args, at, smem);
    __syncthreads();  // patch and weights are written before they are read

    float sums[kFragmentsM][kFragmentsN][Mma::kD] = {};
    const std::uint16_t* pixels =
        &smem.memory[(2 * warp_idx() * T::kWidth + 2 * Stem::row_of_a()) * kStemPixel];
    const std::uint16_t* weight =
        &smem.weight[(Stem::column_of_b() * Stem::kTaps + Stem::tap()) * kStemPixel];
#pragma unroll 1
    for (int r = 0; r < kSize; ++r) {
#pragma unroll
      for (int step = 0; step < T::kStepsPerRow; ++step) {
        const int tap = smaller(step * Stem::kTaps + Stem::tap(), kSize - 1);
        std::uint32_t a[kFragmentsM][Mma::kA], b[kFragmentsN][Mma::kB];
#pragma unroll
        for (int i = 0; i < kFragmentsM; ++i) {
          Stem::load_a(a[i], pixels + (32 * i + tap) * kStemPixel);
        }
#pragma unroll
        for (int j = 0; j < kFragmentsN; ++j) {
          const uint2 channels =
              nestor::load<uint2>(weight + j * Stem::kColumns * Stem::kTaps * kStemPixel);
          b[j][0] = channels.x;
          b[j][1] = channels.y;
        }
        warp_mma<Mma>(sums, a, b);
        weight += T::kStepWeights;
      }
      pixels += T::kWidth * kStemPixel;
    }
    __syncthreads();  // the patch is read before slabs are written over it
    write_line<Stem, kN>(args, at, &smem.memory[warp_idx() * T::kSlab], sums);
  } else {
    wrong_architecture();
  }
}

template <class Pixels, class Stem, int kSize, int kN>
DeviceStatus launch_tile(const StemConvolutionArgs& args, Stream stream) {
  using T = Tile<Pixels, Stem, kSize, kN>;
  constexpr int kSharedBytes = sizeof(typename T::Smem);
  const auto blocks = static_cast<unsigned>(stem_mma_blocks(args.n, args.h, args.w));
  const LaunchConfig config{"stem_convolution_mma",
                            {blocks},
                            kStemMmaThreads,
                            kSharedBytes,
                            carveout_percent(kBlocks * kSharedBytes, 96 * 1024)};
  return launch(stem_convolution_mma_kernel<Pixels, Stem, kSize, kN>, config, stream, args);
}

template <class Pixels, class Stem>
DeviceStatus launch_stem(const StemConvolutionArgs& args, Stream stream) {
  if (args.size == 3) {
    return args.k == 32 ? launch_tile<Pixels, Stem, 3, 32>(args, stream)
                        : launch_tile<Pixels, Stem, 3, 64>(args, stream);
  }
  return args.k == 32 ? launch_tile<Pixels, Stem, 7, 32>(args, stream)
                      : launch_tile<Pixels, Stem, 7, 64>(args, stream);
}

template <class Pixels>
DeviceStatus launch_pixels(const StemConvolutionArgs& args, Stream stream) {
  if (args.sm >= 80) return launch_stem<Pixels, RowStem<MmaF16M16N8K16, 80, 90>>(args, stream);
  if (args.sm >= 75) {
    return launch_stem<Pixels, RowStem<MmaTwice<MmaF16M16N8K8>, 75, 75>>(args, stream);
  }
  return launch_stem<Pixels, VoltaStem>(args, stream);
}

}  // namespace

DeviceStatus stem_convolution_mma(const StemConvolutionArgs& args, Stream stream) {
  if (args.dtype != DeviceDType::kFloat16 || args.n < 1 || args.h < 1 || args.w < 1 ||
      (args.k != 32 && args.k != 64) || (args.size != 3 && args.size != 7) ||
      stem_mma_blocks(args.n, args.h, args.w) > INT32_MAX) {
    return {DeviceCode::kInvalidArgument, "stem_convolution_mma: an extent is not possible"};
  }
  if (num_stem_sources(args) != 1 || args.src != nullptr) {
    return {DeviceCode::kInvalidArgument, "stem_convolution_mma: needs one of planes and images"};
  }
  return args.planes != nullptr ? launch_pixels<PlanePixels<Half>>(args, stream)
                                : launch_pixels<ImagePixels<Half>>(args, stream);
}

}  // namespace nestor
