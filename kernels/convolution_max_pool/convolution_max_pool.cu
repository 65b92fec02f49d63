// A 3x3 convolution with ReLU and the 3x3 stride 2 maximum over its result, on tensor cores.
//
//   y[m][k]    = half(relu(bias[k] + sum over (channel, tap) of src[pixel(m, tap)][channel]
//                                                             * weight[k][channel][tap]))
//   dst[d][k]  = max of y over the 3x3 pixels around (2p, 2q) that exist,      d = (n, p, q)
//
//   src [n][h][w][c] half, weight packed halves (kernels/convolution/packed_weight.h),
//   dst [n][(h+1)/2][(w+1)/2][k] half, sums fp32
//
//   grid    (64 channels of k, tile columns, tile lines, images): k fastest, so that blocks that
//           run together share src in L2
//   block   4 warps, 256 pixels of y x 64 channels; a warp 64x64
//   tile    lines x columns of dst, chosen at plan time (max_pool_tile); 7 x 8 at 56 x 56:
//
//     patch of src 17x19        y 15x17 = 255 rows of the GEMM       dst 7x8
//     +-------------------+     +-----------------+
//     | +---------------+ |     | neighbours share|  9 taps          +-------+
//     | |      y        | | --> | a line and a    |  -------------> |  max  |
//     | +---------------+ |     | column of y     |                  +-------+
//     +-------------------+     +-----------------+
//
//   What neighbouring tiles both compute is (15 17) / (14 16) - 1 = 14 % of the products; what is
//   saved is y: written, read and one launch.
//
//   slice   32 channels: the patch is stored once with zeros around src, nine taps read it. Pixel i
//           lies like a row of implicit_gemm.cuh's panels, at 64 i + 16 (c ^ (i / 2 % 4)), and
//           neighbouring lines are y's width apart, modulo 8: eight rows of a fragment are eight
//           neighbours modulo 8 wherever a line ends, without bank conflicts.
//           Weights of a tap (4 KB) come through registers into a ring of two:
//
//     LDG weights of tap i+1 | step 0 .. | STS them, barrier, last step
//
//   shared memory   30 KB patch, 8 KB weights: two blocks a multiprocessor. y (32 KB of halves) lies
//                   over them. Its chunk c of row m is chunk c ^ f(m), so that neither the
//                   fragments' pairs nor the pool's chunks conflict.
//   registers       128 sums, two sets of 32 for fragments, 8 weights on their way
//
// y is not negative, so the maximum is one of integers (NaN, whose bits are larger, wins as in
// pooling()), and pixels outside y count as 0. Preconditions: convolution_max_pool_supports().
// Each sum has the order of K of convolution(): the same bits.
//
// Main loop by the model of the SASS (V100, 1.53 GHz; not timed): tensor pipe busy 86 %, limited by
// the latency of HMMA (A100 98 %; H100 48 % of its peak, which takes wgmma); 255 registers, no
// spills. Modelled launch at batch 16, 112 x 112, 32 to 64 channels: 112 us, against 102 + 44 us
// apart. Tried and lost: addresses of all steps of a tap kept in registers, and bias loaded by row
// (spills).
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"

namespace nestor {

// Fragments of a, whose rows lie anywhere in the patch. (Named, as nvcc warns of what is unused in
// an unnamed namespace, and an architecture uses one.)

struct VoltaPixels : VoltaFragments {
  static constexpr int kOldest = 70, kNewest = 70;
  static constexpr int kStepHalves = 8;
  static __device__ __forceinline__ int chunk() { return 0; }
  static __device__ __forceinline__ void load(std::uint32_t (&fragment)[4],
                                              const std::uint16_t* address) {
    const uint4 values = ld128(address);
    fragment[0] = values.x;
    fragment[1] = values.y;
    fragment[2] = values.z;
    fragment[3] = values.w;
  }
};

template <class Instruction16x8x16, int kFirst, int kLast>
struct LdmatrixPixels : LdmatrixFragments<Instruction16x8x16> {
  static constexpr int kOldest = kFirst, kNewest = kLast;
  static constexpr int kStepHalves = 16;
  static __device__ __forceinline__ int chunk() { return lane_idx() / 16; }
  static __device__ __forceinline__ void load(std::uint32_t (&fragment)[4],
                                              const std::uint16_t* address) {
    ldmatrix(fragment, address);
  }
};

namespace {

constexpr int kSlice = 32, kTaps = 9;
constexpr int kPanel = kMaxPoolChannels * kSlice;  // halves: weights of a tap
constexpr int kPatch = kMaxPoolPatchPixels * kSlice;
constexpr int kChunks = kSlice / 8;

struct TiledArgs {
  const std::uint16_t* src;     // [n][h][w][c]
  const std::uint16_t* weight;  // [c / 32][9][packed_rows][32]
  const float* bias;            // [k] or null
  std::uint16_t* dst;           // [n][p][q][k]
  int h, w, c, k, p, q, packed_rows;
  int lines, columns, y_lines, y_columns, pitch;  // of MaxPoolTile
  int tiles_k, tiles_x, tiles_y;
  // ceil(65536 / width): i / width == i * inverse >> 16 for the i of a tile.
  int patch_inverse, y_inverse, dst_inverse;
};

struct Smem {
  SharedArray<std::uint16_t, kPatch + 2 * kPanel> memory;  // patch and weights, then y

  __device__ __forceinline__ std::uint16_t* patch() { return memory.begin(); }
  __device__ __forceinline__ std::uint16_t* panel(int idx) {
    return &memory[kPatch + idx * kPanel];
  }
  __device__ __forceinline__ std::uint16_t* y() { return memory.begin(); }
};
static_assert(2 * (kPatch + 2 * kPanel) == kMaxPoolSharedBytes, "what plans are told");
static_assert(kMaxPoolRows * kMaxPoolChannels <= kPatch + 2 * kPanel, "y fits over the rest");

struct Position {
  int image, line, column, channel;  // of dst
};
__device__ __forceinline__ Position position(const TiledArgs& args) {
  int rest = static_cast<int>(blockIdx.x);
  const int tile_k = rest % args.tiles_k;
  rest /= args.tiles_k;
  const int tile_x = rest % args.tiles_x;
  rest /= args.tiles_x;
  return {rest / args.tiles_y, rest % args.tiles_y * args.lines, tile_x * args.columns,
          tile_k * kMaxPoolChannels};
}

// A warp's 64 rows of y x 64 channels.
template <class Pixels>
struct Warp {
  using Mma = typename Pixels::Mma;
  static constexpr int kFragmentsM = 4, kFragmentsN = kMaxPoolChannels / Pixels::kColumns;
  static constexpr int kSteps = Pixels::kSteps;
  static_assert(kSteps % 2 == 0, "a tap begins with the first set of fragments");

  float sums[kFragmentsM][kFragmentsN][Mma::kD];
  std::uint32_t a[2][kFragmentsM][Mma::kA], b[2][kFragmentsN][Mma::kB];
  Pixels fragments;
  int pixel[kFragmentsM];  // of the patch, under the present tap of the row that the lane loads

  __device__ __forceinline__ explicit Warp(const TiledArgs& args) : sums{} {
    const int row = fragments.a / kSlice;
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) {
      const int m = 64 * warp_idx() + 16 * i + row;
      const int line = m * args.y_inverse >> 16;
      // Rows behind the last one load any pixel, on banks of their own if they can.
      const int any = smaller(m % 8, args.y_columns - 1);
      pixel[i] = line < args.y_lines ? line * args.pitch + m - line * args.y_columns : any;
    }
  }

  // The pixels move to the tap after `tap`, after the last one to the first.
  __device__ __forceinline__ void next(const TiledArgs& args, int tap) {
    const int last = 2 * args.pitch + 2;
    const int move = tap == kTaps - 1 ? -last : tap % 3 == 2 ? args.pitch - 2 : 1;
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) pixel[i] += move;
  }
  __device__ __forceinline__ void load(int set, const std::uint16_t* patch,
                                       const std::uint16_t* panel, int step) {
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) {
      const int offset = chunk_offset(pixel[i], Pixels::chunk());
      Pixels::load(a[set][i], patch + (offset ^ Pixels::kStepHalves * step));
    }
    fragments.load_b(b[set], panel, step);
  }
  __device__ __forceinline__ void multiply(int set) { warp_mma<Mma>(sums, a[set], b[set]); }
};

// --- from global to shared memory ----------------------------------------------------------------

// The patch's channels [channel, channel + 32), zeros outside of src. 4 threads a pixel.
__device__ __forceinline__ void load_patch(const TiledArgs& args, const Position& at, int channel,
                                           std::uint16_t* patch) {
  constexpr int kPixelsPerPass = kMaxPoolThreads / kChunks;
  constexpr int kPasses = 5;  // loads on their way at once
  const int chunk = static_cast<int>(threadIdx.x) % kChunks;
  const int width = args.y_columns + 2, num_pixels = (args.y_lines + 2) * width;
  const int top = 2 * at.line - 2, left = 2 * at.column - 2;
  const std::uint16_t* const src =
      args.src + at.image * args.h * args.w * args.c + channel + 8 * chunk;
#pragma unroll 1
  for (int begin = static_cast<int>(threadIdx.x) / kChunks; begin < num_pixels;
       begin += kPasses * kPixelsPerPass) {
    uint4 values[kPasses];
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int i = begin + pass * kPixelsPerPass;
      const int line = i * args.patch_inverse >> 16;
      const int y = top + line, x = left + i - line * width;
      values[pass] = make_uint4(0, 0, 0, 0);
      if (i < num_pixels && y >= 0 && y < args.h && x >= 0 && x < args.w) {
        values[pass] = ld128(src + (y * args.w + x) * args.c);
      }
    }
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      const int i = begin + pass * kPixelsPerPass;
      const int line = i * args.patch_inverse >> 16;
      if (i < num_pixels) {
        st128(patch + chunk_offset(line * args.pitch + i - line * width, chunk), values[pass]);
      }
    }
  }
}

// A tap's weights on their way to shared memory, which holds the image that memory has.
struct Weights {
  static constexpr int kPasses = kPanel / 8 / kMaxPoolThreads;
  int next;  // of the thread, in halves from the beginning
  uint4 staged[kPasses];

  __device__ __forceinline__ explicit Weights(int channel)
      : next(channel * kSlice + static_cast<int>(threadIdx.x) * 8) {}

  __device__ __forceinline__ void fetch(const TiledArgs& args) {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      staged[pass] = ld128(args.weight + next + pass * kMaxPoolThreads * 8);
    }
    next += args.packed_rows * kSlice;
  }
  __device__ __forceinline__ void put(std::uint16_t* panel) const {
#pragma unroll
    for (int pass = 0; pass < kPasses; ++pass) {
      st128(panel + (static_cast<int>(threadIdx.x) + pass * kMaxPoolThreads) * 8, staged[pass]);
    }
  }
};

template <class Pixels>
__device__ __forceinline__ void multiply_taps(const TiledArgs& args, const Position& at, Smem& smem,
                                              Warp<Pixels>& warp) {
  constexpr int kSteps = Warp<Pixels>::kSteps;
  const int num_panels = args.c / kSlice * kTaps;
  Weights weights(at.channel);
  weights.fetch(args);
  weights.put(smem.panel(0));
  int panel = 0;
#pragma unroll 1
  for (int channel = 0; channel < args.c; channel += kSlice) {
    load_patch(args, at, channel, smem.patch());
    __syncthreads();  // patch and weights are written before they are read
    warp.load(0, smem.patch(), smem.panel(panel % 2), 0);
#pragma unroll 1
    for (int tap = 0; tap < kTaps; ++tap, ++panel) {
      const bool more = panel + 1 < num_panels;
      if (more) weights.fetch(args);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        if (step + 1 < kSteps) {
          warp.load((step + 1) % 2, smem.patch(), smem.panel(panel % 2), step + 1);
        } else {
          if (more) weights.put(smem.panel((panel + 1) % 2));
          // The next weights are written, and this tap's and, at last, the patch are read.
          __syncthreads();
          warp.next(args, tap);
          if (tap + 1 < kTaps) {
            warp.load(0, smem.patch(), smem.panel((panel + 1) % 2), 0);
          }
        }
        warp.multiply(step % 2);
      }
    }
  }
}

// --- epilogue ------------------------------------------------------------------------------------

// Chunk `chunk` of row m of y, in halves. Rows that a fragment's lanes store together differ in
// bits 0, 2 and 3 (Volta) or 0, 1 and 2, and get eight different chunks.
__device__ __forceinline__ int y_offset(int m, int chunk) {
  return m * kMaxPoolChannels + 8 * (chunk ^ ((m ^ (m >> 2 & 2)) & 7));
}

// Two neighbouring sums as halves of y, whose sign is cleared: zero is not negative, nor is NaN.
__device__ __forceinline__ std::uint32_t finished(float x, float y) {
  return pack_half2(relu(x), relu(y)) & 0x7FFF7FFFu;
}

template <class Pixels>
__device__ __forceinline__ void write_y(const TiledArgs& args, const Position& at,
                                        const Warp<Pixels>& warp, std::uint16_t* y) {
  using W = Warp<Pixels>;
  const int first = 64 * warp_idx();
  unsigned exist = 0;  // bit 2 i + v / 2 % 2: whether that row of fragment i is a pixel of y
#pragma unroll
  for (int bit = 0; bit < 2 * W::kFragmentsM; ++bit) {
    const int m = first + bit / 2 * 16 + Pixels::row(bit % 2 * 2);
    const int line = m * args.y_inverse >> 16;
    const int y_line = 2 * at.line - 1 + line;
    const int y_column = 2 * at.column - 1 + m - line * args.y_columns;
    const bool exists = y_line >= 0 && y_line < args.h && y_column >= 0 && y_column < args.w;
    exist |= static_cast<unsigned>(exists) << bit;
  }
#pragma unroll
  for (int j = 0; j < W::kFragmentsN; ++j) {
#pragma unroll
    for (int v = 0; v < W::Mma::kD; v += 2) {
      const int k = j * Pixels::kColumns + Pixels::column(v);
      const float2 bias =
          args.bias != nullptr ? load<float2>(args.bias + at.channel + k) : make_float2(0, 0);
#pragma unroll
      for (int i = 0; i < W::kFragmentsM; ++i) {
        const std::uint32_t pair =
            finished(warp.sums[i][j][v] + bias.x, warp.sums[i][j][v + 1] + bias.y);
        const bool exists = (exist >> (2 * i + v / 2 % 2) & 1) != 0;
        store(y + y_offset(first + 16 * i + Pixels::row(v), k / 8) + k % 8, exists ? pair : 0u);
      }
    }
  }
}

// Maxima of 8 halves that are not negative, as integers: the upper halves of pairs decide over
// whole words, the lower ones are moved up.
struct Maximum {
  std::uint32_t upper[4], lower[4];

  __device__ __forceinline__ Maximum() : upper{}, lower{} {}
  __device__ __forceinline__ void add(const uint4& chunk) {
    const std::uint32_t pairs[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t low = pairs[i] << 16;
      upper[i] = pairs[i] > upper[i] ? pairs[i] : upper[i];
      lower[i] = low > lower[i] ? low : lower[i];
    }
  }
  __device__ __forceinline__ uint4 chunk() const {
    return make_uint4(pair(0), pair(1), pair(2), pair(3));
  }

 private:
  __device__ __forceinline__ std::uint32_t pair(int i) const {
    return (upper[i] & 0xFFFF0000u) | lower[i] >> 16;
  }
};

// Eight threads a pixel of dst, a chunk of channels each.
__device__ __forceinline__ void pool(const TiledArgs& args, const Position& at,
                                     const std::uint16_t* y) {
  constexpr int kThreadsPerPixel = kMaxPoolChannels / 8;
  const int chunk = static_cast<int>(threadIdx.x) % kThreadsPerPixel;
  const int num_pixels = args.lines * args.columns;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x) / kThreadsPerPixel; i < num_pixels;
       i += kMaxPoolThreads / kThreadsPerPixel) {
    const int line = i * args.dst_inverse >> 16;
    const int column = i - line * args.columns;
    const int p = at.line + line, q = at.column + column;
    if (p < args.p && q < args.q) {
      Maximum maximum;
#pragma unroll
      for (int r = 0; r < 3; ++r) {
#pragma unroll
        for (int s = 0; s < 3; ++s) {
          const int m = (2 * line + r) * args.y_columns + 2 * column + s;
          maximum.add(ld128(y + y_offset(m, chunk)));
        }
      }
      st128(args.dst + ((at.image * args.p + p) * args.q + q) * args.k + at.channel + 8 * chunk,
            maximum.chunk());
    }
  }
}

template <class Pixels>
__global__ void __launch_bounds__(kMaxPoolThreads, kMaxPoolBlocks)
    convolution_max_pool_kernel(const __grid_constant__ TiledArgs args) {
  if constexpr (compiles_for<Pixels::kOldest, Pixels::kNewest>()) {
    Smem& smem = block_smem<Smem>();
    const Position at = position(args);
    Warp<Pixels> warp(args);
    multiply_taps(args, at, smem, warp);
    write_y(args, at, warp, smem.y());  // nobody reads patch and weights any more
    __syncthreads();                    // y is written before it is read
    pool(args, at, smem.y());
  } else {
    wrong_architecture();
  }
}

constexpr int inverse(int width) { return (65536 + width - 1) / width; }

}  // namespace

DeviceStatus convolution_max_pool(const ConvolutionMaxPoolArgs& args, Stream stream) {
  if (!convolution_max_pool_supports(args.n, args.h, args.w, args.c, args.k)) {
    return {DeviceCode::kInvalidArgument, "convolution_max_pool: an extent is not possible"};
  }
  TiledArgs tiled{};
  tiled.src = static_cast<const std::uint16_t*>(args.src);
  tiled.weight = static_cast<const std::uint16_t*>(args.weight);
  tiled.bias = args.bias;
  tiled.dst = static_cast<std::uint16_t*>(args.dst);
  tiled.h = args.h;
  tiled.w = args.w;
  tiled.c = args.c;
  tiled.k = args.k;
  tiled.p = (args.h - 1) / 2 + 1;
  tiled.q = (args.w - 1) / 2 + 1;
  tiled.packed_rows = (args.k + 127) / 128 * 128;
  const MaxPoolTile tile = max_pool_tile(tiled.p, tiled.q);
  tiled.lines = tile.lines;
  tiled.columns = tile.columns;
  tiled.y_lines = tile.y_lines();
  tiled.y_columns = tile.y_columns();
  tiled.pitch = tile.pitch();
  tiled.tiles_k = args.k / kMaxPoolChannels;
  tiled.tiles_x = (tiled.q - 1) / tile.columns + 1;
  tiled.tiles_y = (tiled.p - 1) / tile.lines + 1;
  tiled.patch_inverse = inverse(tile.y_columns() + 2);
  tiled.y_inverse = inverse(tile.y_columns());
  tiled.dst_inverse = inverse(tile.columns);
  const std::int64_t blocks = convolution_max_pool_blocks(args.n, args.h, args.w, args.k);
  if (blocks > INT32_MAX) {
    return {DeviceCode::kInvalidArgument, "convolution_max_pool: too many pixels"};
  }
  const LaunchConfig config{
      "convolution_max_pool",
      {static_cast<unsigned>(blocks)},
      kMaxPoolThreads,
      sizeof(Smem),
      args.sm >= 80 ? 100 : carveout_percent(kMaxPoolBlocks * kMaxPoolSharedBytes, 96 * 1024)};
  if (args.sm >= 80) {
    return launch(convolution_max_pool_kernel<LdmatrixPixels<MmaF16M16N8K16, 80, 90>>, config,
                  stream, tiled);
  }
  if (args.sm >= 75) {
    return launch(convolution_max_pool_kernel<LdmatrixPixels<MmaTwice<MmaF16M16N8K8>, 75, 75>>,
                  config, stream, tiled);
  }
  return launch(convolution_max_pool_kernel<VoltaPixels>, config, stream, tiled);
}

}  // namespace nestor
