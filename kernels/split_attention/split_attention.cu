// pooled_sums and split_attention.
//
//   mean[c]      = sum over slots of sums[n][slot][c] / (h * w)
//   hidden[i]    = relu(fc1_bias[i] + sum_c fc1_weight[i][c] * mean[g * W/K + c]),   g = i / hidden
//   logit[k,r,c] = fc2_bias[k,r,c] + sum_i fc2_weight[k,r,c][i] * hidden[k * hidden + i]
//   gate[r,k,c]  = softmax over r of logit[k,r,c]; radix 1: 1 / (1 + exp(-logit))
//   dst[y,x,c]   = sum_r gate[r,c] * src[y,x,r,c], or the mean of nine of these (AVD)
//
//   grid   (pixels / pixels_per_block, width / channels_per_block, n): part of an image each
//   block  256 threads, one after another:
//          1. thread = 4 channels of some slots; their sums are added by slot index
//          2. 8 lanes = 4 outputs of fc1, of which the block computes all
//          3. the same for the block's part of fc2
//          4. thread = a channel: softmax
//          5. thread = 8 channels of some pixels: gates in registers, 16-byte loads and stores
//
//   src, one pixel:  | r=0: W channels  [ block's part ] | r=1: W channels  [ block's part ] |
//
// Every block computes all of fc1 again: on a GPU that costs less than a second launch. What a
// block computes does not depend on how the image was cut, so the bits do not either.
// Shared memory 16.5 KB. Sums, attention and products are float32; one rounding, of dst. Tolerance:
// that of the dtype. Needs channels in chunks of 8; no more than the header's limits.
// Not measured yet: kernels.md's model expects DRAM to be the limit, 29 us for stage 1 at batch 16
// of ResNeSt-50 on V100.
#include "kernels/device/channel_sums.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/warp.cuh"
#include "kernels/split_attention/split_attention.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;
// On a multiprocessor at least: without this ptxas aims at more, and spills.
constexpr int kBlocksAtOnce = 3;
// 8 lanes read 64 weights of a row (128 bytes of fp16) and keep 4 rows on their way. Channels of a
// cardinal group and of a block are multiples of 8, so 4 neighbouring outputs share their inputs.
constexpr int kLanes = 8, kRows = 4;
constexpr int kOutputsAtOnce = kThreads / kLanes * kRows;
static_assert(kMaxSplitAttentionWidth <= 4 * kThreads, "a thread sums one quad of channels");

struct Smem {
  SharedArray<float, 4 * kThreads> partial;  // [group of slots][width]
  ChunkPlanes<kMaxSplitAttentionWidth> mean;
  ChunkPlanes<kMaxSplitAttentionHidden> hidden;
  ChunkPlanes<kMaxSplitAttentionGates> gates;  // [radix][channels of the block]; logits before
};

// What a block does.
struct Part {
  int image;
  int begin_channel, num_channels;
  int begin_pixel, end_pixel;  // of dst
};

__device__ __forceinline__ Part part_of_block(const SplitAttentionArgs& args, int dst_pixels) {
  Part part;
  part.image = static_cast<int>(blockIdx.z);
  part.begin_channel = static_cast<int>(blockIdx.y) * args.channels_per_block;
  part.num_channels = smaller(args.channels_per_block, args.width - part.begin_channel);
  part.begin_pixel = static_cast<int>(blockIdx.x) * args.pixels_per_block;
  part.end_pixel = smaller(dst_pixels - part.begin_pixel, args.pixels_per_block) + part.begin_pixel;
  return part;
}

// pooled_tiles().count, which device code cannot call.
__device__ __forceinline__ int tiles_of_image(int image, int pixels, int tile_rows) {
  const std::int64_t begin = static_cast<std::int64_t>(image) * pixels;
  return static_cast<int>((begin + pixels - 1) / tile_rows - begin / tile_rows) + 1;
}

// smem.mean, complete after the caller's next barrier.
__device__ __forceinline__ void mean_of_slots(const SplitAttentionArgs& args, int image,
                                              Smem& smem) {
  const int thread = static_cast<int>(threadIdx.x);
  const int num_quads = args.width / 4;
  const int quad = thread % num_quads;
  const int group = thread / num_quads;
  const int num_groups = kThreads / num_quads;
  const int pixels = args.h * args.w;
  const int num_used =
      args.tile_rows == 0 ? args.slots_per_part : tiles_of_image(image, pixels, args.tile_rows);
  float4 sum = make_float4(0, 0, 0, 0);
  if (group < num_groups) {
    const std::int64_t first_slot =
        static_cast<std::int64_t>(image) * args.num_parts * args.slots_per_part;
    const float* const sums = args.sums + first_slot * args.width + 4 * quad;  // [slots][width]
    for (int part = 0; part < args.num_parts; ++part) {
#pragma unroll 4
      for (int slot = group; slot < num_used; slot += num_groups) {
        const float4 more = load<float4>(
            sums + static_cast<std::int64_t>(part * args.slots_per_part + slot) * args.width);
        sum.x += more.x;
        sum.y += more.y;
        sum.z += more.z;
        sum.w += more.w;
      }
    }
  }
  store(&smem.partial[4 * thread], sum);
  __syncthreads();  // the sums of all groups of slots are written before they are added
  if (thread < num_quads) {
    for (int g = 1; g < num_groups; ++g) {
      const float4 more = load<float4>(&smem.partial[4 * (g * num_quads + quad)]);
      sum.x += more.x;
      sum.y += more.y;
      sum.z += more.z;
      sum.w += more.w;
    }
    const float divisor = static_cast<float>(pixels);
    store(smem.mean.quad(4 * quad),
          make_float4(sum.x / divisor, sum.y / divisor, sum.z / divisor, sum.w / divisor));
  }
}

// The products of kRows rows of weights, one behind the other, with x[begin ...], by 8 lanes; lane
// i of these gets that of row i. All lanes of the warp come here; those that are not active get 0.
template <class T, int kSize>
__device__ __forceinline__ float row_products(const T* rows, int size, bool active,
                                              ChunkPlanes<kSize>& x, int begin) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  float sums[kRows][2] = {};
  const int end = active ? size : 0;
  for (int i = lane * kChunk; i < end; i += kLanes * kChunk) {
    float values[kChunk];
    x.load_chunk(begin + i, values);
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float weights[kChunk];
      load_chunk(rows + static_cast<std::int64_t>(row) * size + i, weights);
#pragma unroll
      for (int j = 0; j < kChunk; ++j) sums[row][j % 2] += weights[j] * values[j];
    }
  }
  float mine = 0;
#pragma unroll
  for (int row = 0; row < kRows; ++row) {
    float sum = sums[row][0] + sums[row][1];
#pragma unroll
    for (int distance = kLanes / 2; distance > 0; distance /= 2) {
      sum += warp_shuffle_xor(sum, distance);
    }
    mine = lane == row ? sum : mine;
  }
  return mine;
}

// The first of the outputs that this thread's 8 lanes compute in the round that begins with
// `first`.
__device__ __forceinline__ int first_output(int first) {
  return first + static_cast<int>(threadIdx.x) / kLanes * kRows;
}

template <class T>
__device__ __forceinline__ void fc1(const SplitAttentionArgs& args, Smem& smem) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int inner = args.width / args.cardinality;
  const int num_hidden = args.hidden * args.cardinality;
  const T* const weight = static_cast<const T*>(args.fc1_weight);  // [num_hidden][inner]
  for (int first = 0; first < num_hidden; first += kOutputsAtOnce) {
    const int i = first_output(first);
    const bool active = i < num_hidden;
    const float product = row_products(weight + static_cast<std::int64_t>(i) * inner, inner, active,
                                       smem.mean, i / args.hidden * inner);
    if (active && lane < kRows) {
      smem.hidden[i + lane] = relu(args.fc1_bias[i + lane] + product);
    }
  }
}

template <class T>
__device__ __forceinline__ void fc2(const SplitAttentionArgs& args, const Part& part, Smem& smem) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int inner = args.width / args.cardinality;
  const int num_outputs = args.radix * part.num_channels;
  const T* const weight = static_cast<const T*>(args.fc2_weight);  // [radix * width][hidden]
  for (int first = 0; first < num_outputs; first += kOutputsAtOnce) {
    const int output = first_output(first);
    const bool active = output < num_outputs;
    const int r = output / part.num_channels;
    const int channel = part.begin_channel + output % part.num_channels;
    const int k = channel / inner;
    const int j = (k * args.radix + r) * inner + channel % inner;
    const float product = row_products(weight + static_cast<std::int64_t>(j) * args.hidden,
                                       args.hidden, active, smem.hidden, k * args.hidden);
    if (active && lane < kRows) {
      smem.gates[output + lane] = args.fc2_bias[j + lane] + product;
    }
  }
}

// Turns logits into gates.
template <int kRadix>
__device__ __forceinline__ void softmax(const SplitAttentionArgs& args, const Part& part,
                                        Smem& smem) {
  for (int c = static_cast<int>(threadIdx.x); c < part.num_channels; c += kThreads) {
    float gates[kRadix];
    if (kRadix == 1) {
      gates[0] = 1.0f / (1.0f + expf(-smem.gates[c]));
    } else {
      float largest = smem.gates[c];
#pragma unroll
      for (int r = 0; r < kRadix; ++r) {
        gates[r] = smem.gates[r * part.num_channels + c];
        largest = gates[r] > largest ? gates[r] : largest;
      }
      float sum = 0;
#pragma unroll
      for (int r = 0; r < kRadix; ++r) {
        gates[r] = expf(gates[r] - largest);
        sum += gates[r];
      }
#pragma unroll
      for (int r = 0; r < kRadix; ++r) gates[r] /= sum;
    }
#pragma unroll
    for (int r = 0; r < kRadix; ++r) {
      smem.gates[r * part.num_channels + c] = gates[r];
      if (args.gates != nullptr && blockIdx.x == 0) {
        args.gates[(static_cast<std::int64_t>(part.image) * kRadix + r) * args.width +
                   part.begin_channel + c] = gates[r];
      }
    }
  }
}

// sum += gates * the chunk of each radix part.
template <class T, int kRadix>
__device__ __forceinline__ void add_weighted(const T* chunk, int width,
                                             const float (&gates)[kRadix][kChunk],
                                             float (&sum)[kChunk]) {
#pragma unroll
  for (int r = 0; r < kRadix; ++r) {
    float values[kChunk];
    load_chunk(chunk + r * width, values);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum[i] += gates[r][i] * values[i];
  }
}

template <class T, int kRadix>
__device__ __forceinline__ void weighted_sum(const SplitAttentionArgs& args, const Part& part,
                                             int dst_w, Smem& smem) {
  const int num_chunks = part.num_channels / kChunk;
  const int chunk = static_cast<int>(threadIdx.x) % num_chunks;
  const int pixel_step = kThreads / num_chunks;
  const int first = part.begin_pixel + static_cast<int>(threadIdx.x) / num_chunks;
  // Threads that would be the next round's first stay idle.
  const int end = first < part.begin_pixel + pixel_step ? part.end_pixel : 0;
  float gates[kRadix][kChunk];
#pragma unroll
  for (int r = 0; r < kRadix; ++r) {
    smem.gates.load_chunk(r * part.num_channels + chunk * kChunk, gates[r]);
  }
  const int c = part.begin_channel + chunk * kChunk;
  const std::int64_t src_pixels = static_cast<std::int64_t>(args.h) * args.w;
  const int src_stride = kRadix * args.width;
  const T* const src = static_cast<const T*>(args.src) + part.image * src_pixels * src_stride + c;
  if (args.pool_stride == 0) {
    T* const dst = static_cast<T*>(args.dst) + part.image * src_pixels * args.width + c;
#pragma unroll 2
    for (int pixel = first; pixel < end; pixel += pixel_step) {
      float sum[kChunk] = {};
      add_weighted(src + static_cast<std::int64_t>(pixel) * src_stride, args.width, gates, sum);
      store_chunk(dst + static_cast<std::int64_t>(pixel) * args.width, sum);
    }
    return;
  }
  const std::int64_t dst_pixels =
      static_cast<std::int64_t>((args.h - 1) / args.pool_stride + 1) * dst_w;
  T* const dst = static_cast<T*>(args.dst) + part.image * dst_pixels * args.width + c;
  for (int pixel = first; pixel < end; pixel += pixel_step) {
    const int top = pixel / dst_w * args.pool_stride - 1;
    const int left = pixel % dst_w * args.pool_stride - 1;
    float sum[kChunk] = {};
#pragma unroll 1  // or registers spill
    for (int y = larger(top, 0); y < smaller(top + 3, args.h); ++y) {
#pragma unroll 1
      for (int x = larger(left, 0); x < smaller(left + 3, args.w); ++x) {
        add_weighted(src + static_cast<std::int64_t>(y * args.w + x) * src_stride, args.width,
                     gates, sum);
      }
    }
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum[i] *= 1.0f / 9.0f;  // zeros around the image count
    store_chunk(dst + static_cast<std::int64_t>(pixel) * args.width, sum);
  }
}

template <class T, int kRadix>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    split_attention_kernel(const __grid_constant__ SplitAttentionArgs args) {
  Smem& smem = block_smem<Smem>();
  const int stride = args.pool_stride == 0 ? 1 : args.pool_stride;
  const int dst_w = (args.w - 1) / stride + 1;
  const Part part = part_of_block(args, ((args.h - 1) / stride + 1) * dst_w);
  mean_of_slots(args, part.image, smem);
  __syncthreads();  // the means are complete before fc1 reads them
  fc1<T>(args, smem);
  __syncthreads();  // hidden is complete before fc2 reads it
  fc2<T>(args, part, smem);
  __syncthreads();  // all logits are written before softmax reads those of a channel
  softmax<kRadix>(args, part, smem);
  __syncthreads();  // all gates are written before other threads load them
  if (args.dst != nullptr) {
    weighted_sum<T, kRadix>(args, part, dst_w, smem);
  }
}

template <class T>
__global__ void __launch_bounds__(kChannelSumThreads)
    pooled_sums_kernel(const __grid_constant__ PooledSumsArgs args) {
  ChannelSumSmem& smem = block_smem<ChannelSumSmem>();
  const int slot = static_cast<int>(blockIdx.y);
  const int image = static_cast<int>(blockIdx.z);
  const int first_chunk = static_cast<int>(blockIdx.x) * kMaxChannelSumChunks;
  const int num_chunks = smaller(args.width / kChunk - first_chunk, kMaxChannelSumChunks);
  const std::int64_t stride = static_cast<std::int64_t>(args.radix) * args.width;
  const T* const src = static_cast<const T*>(args.src) + image * stride * args.pixels +
                       first_chunk * kChunk;  // [pixels][radix][width]
  float* const sums = args.sums +
                      (static_cast<std::int64_t>(image) * gridDim.y + slot) * args.width +
                      first_chunk * kChunk;  // [width]
  const int begin = slot * args.pixels_per_slot;
  block_channel_sums(src, begin, begin + smaller(args.pixels - begin, args.pixels_per_slot), stride,
                     args.radix, args.width, num_chunks, smem,
                     [sums](int channel, float sum) { sums[channel] = sum; });
}

// A precondition that does not hold, or null.
const char* problem_with(const SplitAttentionArgs& args) {
  if (args.radix < 1 || args.radix > 4) return "split_attention: radix is not 1 to 4";
  if (args.n < 1 || args.h < 1 || args.w < 1 || args.cardinality < 1 || args.pool_stride < 0) {
    return "split_attention: an extent is not positive";
  }
  if (args.width < 1 || args.width % (kChunk * args.cardinality) != 0 || args.hidden < 1 ||
      args.hidden % kChunk != 0) {
    return "split_attention: channels of a cardinal group are not a multiple of 8";
  }
  if (args.width > kMaxSplitAttentionWidth ||
      args.hidden * args.cardinality > kMaxSplitAttentionHidden) {
    return "split_attention: more channels than shared memory was made for";
  }
  if (args.channels_per_block < kChunk || args.channels_per_block % kChunk != 0 ||
      args.channels_per_block * args.radix > kMaxSplitAttentionGates || args.pixels_per_block < 1) {
    return "split_attention: a block's part of the image is not possible";
  }
  const bool slots_fit =
      args.tile_rows == 0 || args.slots_per_part >= pooled_slots(args.h * args.w, args.tile_rows);
  if (args.num_parts < 1 || args.slots_per_part < 1 || args.tile_rows < 0 || !slots_fit) {
    return "split_attention: slots do not hold an image's tiles";
  }
  return nullptr;
}

unsigned blocks(int size, int per_block) {
  return static_cast<unsigned>((size - 1) / per_block + 1);
}

}  // namespace

DeviceStatus pooled_sums(const PooledSumsArgs& args, Stream stream) {
  if (args.n < 1 || args.pixels < 1 || args.radix < 1 || args.pixels_per_slot < 1 ||
      args.width < kChunk || args.width % kChunk != 0) {
    return {DeviceCode::kInvalidArgument, "pooled_sums: an extent is not possible"};
  }
  const LaunchConfig config{
      "pooled_sums",
      {blocks(args.width, kMaxChannelSumChunks * kChunk), blocks(args.pixels, args.pixels_per_slot),
       static_cast<unsigned>(args.n)},
      kChannelSumThreads,
      sizeof(ChannelSumSmem)};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(pooled_sums_kernel<T>, config, stream, args);
  });
}

DeviceStatus split_attention(const SplitAttentionArgs& args, Stream stream) {
  if (const char* const problem = problem_with(args)) {
    return {DeviceCode::kInvalidArgument, problem};
  }
  const int stride = args.pool_stride == 0 ? 1 : args.pool_stride;
  const int dst_pixels = ((args.h - 1) / stride + 1) * ((args.w - 1) / stride + 1);
  const bool gates_only = args.dst == nullptr;
  const LaunchConfig config{
      "split_attention",
      {gates_only ? 1 : blocks(dst_pixels, args.pixels_per_block),
       blocks(args.width, args.channels_per_block), static_cast<unsigned>(args.n)},
      kThreads,
      sizeof(Smem)};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    switch (args.radix) {
      case 1: return launch(split_attention_kernel<T, 1>, config, stream, args);
      case 2: return launch(split_attention_kernel<T, 2>, config, stream, args);
      case 3: return launch(split_attention_kernel<T, 3>, config, stream, args);
      default: return launch(split_attention_kernel<T, 4>, config, stream, args);
    }
  });
}

}  // namespace nestor
