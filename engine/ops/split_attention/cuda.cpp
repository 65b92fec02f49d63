#include <fmt/format.h>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/split_attention/split_attention.h"
#include "kernels/split_attention/split_attention.h"
#include "kernels/split_attention/split_attention_tuning.h"

namespace nestor {

namespace {

constexpr int kPixelsPerSlot = 256;  // of pooled_sums(), if the convolution left none

class SplitAttentionKernel : public cuda::Kernel {
 public:
  SplitAttentionKernel(CudaBackend& backend, std::string name, const SplitAttentionArgs& args,
                       std::size_t sums_offset, bool gates_only)
      : Kernel(backend, std::move(name)),
        split_attention_(backend.launcher<SplitAttentionArgs>("split_attention")),
        args_(args),
        sums_offset_(sums_offset),
        gates_only_(gates_only) {
    if (args.tile_rows == 0) pooled_sums_ = backend.launcher<PooledSumsArgs>("pooled_sums");
  }

  // Hidden channels are padded to multiples of 8 in each cardinal group.
  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const int k = args_.cardinality, width = args_.width / k;
    const auto hidden = static_cast<int>(constants.desc(inputs[1]).shape[0] / k);
    fc1_weight_ = padded(constants, inputs[1], k, hidden, width, args_.hidden, width, args_.dtype);
    fc1_bias_ = padded(constants, inputs[2], k, hidden, 1, args_.hidden, 1, DeviceDType::kFloat32);
    fc2_weight_ = padded(constants, inputs[3], 1, k * args_.radix * width, hidden,
                         k * args_.radix * width, args_.hidden, args_.dtype);
    fc2_bias_ = array(constants, inputs[4], std::int64_t{args_.radix} * args_.width);
    args_.fc1_weight = fc1_weight_->get();
    args_.fc1_bias = static_cast<const float*>(fc1_bias_->get());
    args_.fc2_weight = fc2_weight_->get();
    args_.fc2_bias = static_cast<const float*>(fc2_bias_->get());
  }

 private:
  // [groups][rows][columns] into [groups][to_rows][to_columns], with zeros between.
  std::shared_ptr<const cuda::Memory> padded(const Constants& constants, ValueId id, int groups,
                                             int rows, int columns, int to_rows, int to_columns,
                                             DeviceDType dtype) const {
    const bool half = dtype == DeviceDType::kFloat16;
    const std::string name = fmt::format("{} [{}][{}][{}] {}", constants.name(id), groups, to_rows,
                                         to_columns, half ? "float16" : "float32");
    const std::size_t elements = static_cast<std::size_t>(groups) *
                                 static_cast<std::size_t>(to_rows) *
                                 static_cast<std::size_t>(to_columns);
    return backend().constant(name, elements * (half ? 2 : 4), [&](std::byte* data) {
      const Constants::Tensor value = constants.value(id);
      for (int row = 0; row < groups * rows; ++row) {
        const std::int64_t to_row = std::int64_t{row / rows} * to_rows + row % rows;
        for (int column = 0; column < columns; ++column) {
          const float x = value.data()[std::int64_t{row} * columns + column];
          const std::int64_t to = to_row * to_columns + column;
          if (half) {
            reinterpret_cast<std::uint16_t*>(data)[to] = cuda::to_half(x);
          } else {
            reinterpret_cast<float*>(data)[to] = x;
          }
        }
      }
    });
  }

  DeviceStatus launch(Stream stream) override {
    args_.src = input<void>(0);
    args_.dst = gates_only_ ? nullptr : output<void>();
    args_.gates = gates_only_ ? output<float>() : nullptr;
    if (args_.tile_rows > 0) {
      args_.sums = reinterpret_cast<const float*>(input<std::byte>(0) + sums_offset_);
      return split_attention_(args_, stream);
    }
    args_.sums = static_cast<const float*>(workspace());
    const DeviceStatus pooled = pooled_sums_({.dtype = args_.dtype,
                                              .src = args_.src,
                                              .sums = static_cast<float*>(workspace()),
                                              .n = args_.n,
                                              .pixels = args_.h * args_.w,
                                              .width = args_.width,
                                              .radix = args_.radix,
                                              .pixels_per_slot = kPixelsPerSlot},
                                             stream);
    return pooled.ok() ? split_attention_(args_, stream) : pooled;
  }

  Launcher<SplitAttentionArgs> split_attention_;
  Launcher<PooledSumsArgs> pooled_sums_ = nullptr;  // unless the convolution left its sums
  SplitAttentionArgs args_;
  std::size_t sums_offset_;
  bool gates_only_;
  std::shared_ptr<const cuda::Memory> fc1_weight_, fc1_bias_, fc2_weight_, fc2_bias_;
};

static_assert(kWidestSplitAttention <= kMaxSplitAttentionWidth);

// `width`: channels of a radix part.
bool supports(const SplitAttentionParams& p, std::int64_t width, std::int64_t hidden) {
  const bool pool_fits = !p.has_pool || (p.pool.kernel == 3 && p.pool.pad == 1 &&
                                         p.pool.kind == PoolingParams::Kind::kAverage &&
                                         p.pool.count_include_pad && !p.pool.ceil_mode);
  return pool_fits && p.radix >= 1 && p.radix <= 4 && width % (8 * p.cardinality) == 0 &&
         width <= kMaxSplitAttentionWidth &&
         cuda::padded8(hidden / p.cardinality) * p.cardinality <= kMaxSplitAttentionHidden;
}

// Of the weights that all blocks read: fc1 whole, and of fc2, which has radix times its rows, the
// block's part. L2 serves them together, but each no faster than its own loads come.
double weights_us(const DeviceSpec& spec, const GpuLaunch& launch, std::int64_t constant_bytes,
                  int radix) {
  const auto [pixel_blocks, channel_blocks, images] = launch.grid;
  const double parts = 1 + static_cast<double>(radix) / static_cast<double>(channel_blocks);
  const double block_kb = 1e-3 * static_cast<double>(constant_bytes) * parts / (1 + radix);
  const auto blocks = static_cast<double>(pixel_blocks * channel_blocks * images);
  return std::max(blocks * block_kb / spec.l2_gb_s(), block_kb / spec.attention_gb_s);
}

// Sums, two small layers and softmax, then the weighted sum of the radix parts with its AVD pool or
// nothing but the gates, in one launch; a launch before it for the pooled sums if the
// convolution did not leave them.
StepChoice one_launch(const StepRequest& request, CudaBackend& backend) {
  const DeviceSpec& spec = backend.spec();
  const auto& p = params<SplitAttentionParams>(request.node);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const std::int64_t hidden = request.graph.desc(request.node.inputs[1]).shape[0];
  const std::int64_t width = src[1] / p.radix;
  if (!supports(p, width, hidden)) return {};

  StepChoice choice = cuda::activation_choice(request);
  if (p.gates_only) choice.outputs = {{DType::kFloat32, Layout::kPlain}};
  const std::size_t sums_offset = backend.buffer_bytes(src, choice.inputs[0]);
  for (const std::size_t weight : {1, 3}) choice.inputs[weight].dtype = choice.inputs[0].dtype;
  const BufferFormat available = request.available[0];
  const bool has_sums = available.sums_tile > 0 && available.sums_parts == p.radix;
  if (has_sums) choice.inputs[0] = available;

  SplitAttentionArgs args{.dtype = cuda::device_dtype(request.precision),
                          .n = static_cast<int>(src[0]),
                          .h = static_cast<int>(src[2]),
                          .w = static_cast<int>(src[3]),
                          .width = static_cast<int>(width),
                          .radix = p.radix,
                          .cardinality = p.cardinality,
                          .hidden = static_cast<int>(cuda::padded8(hidden / p.cardinality)),
                          .pool_stride = p.has_pool ? p.pool.stride : 0};
  if (has_sums) {
    args.num_parts = available.sums_parts;
    args.slots_per_part = static_cast<int>(cuda::sums_slots(src, available));
    args.tile_rows = available.sums_tile;
  } else {
    args.slots_per_part = static_cast<int>(cuda::ceil_div(cuda::pixels(src), kPixelsPerSlot));
    choice.workspace_bytes =
        static_cast<std::size_t>(src[0] * args.slots_per_part * width) * sizeof(float);
  }
  const auto dst_pixels = static_cast<int>(cuda::pixels(dst));
  const SplitAttentionBlocks blocks =
      split_attention_blocks(args.n, dst_pixels, args.width, args.radix, spec.multiprocessors);
  args.channels_per_block = blocks.channels_per_block;
  args.pixels_per_block = blocks.pixels_per_block;

  if (p.gates_only) choice.unread_bytes = sums_offset;  // src itself
  const std::int64_t tensors =
      cuda::tensor_bytes(request, choice, backend) - static_cast<std::int64_t>(choice.unread_bytes);
  const std::int64_t constants = cuda::constant_bytes(request, choice, backend);
  GpuLaunch launch{.grid = {cuda::ceil_div(dst_pixels, blocks.pixels_per_block),
                            cuda::ceil_div(width, blocks.channels_per_block), src[0]},
                   .block = 256,
                   .shared_bytes = 16384,
                   .tile = {}};
  launch.waves = cuda::waves(spec, launch.grid[0] * launch.grid[1] * launch.grid[2], 4);
  launch.modelled_us = cuda::streaming_us(spec, tensors, constants) - spec.fill_us +
                       spec.attention_us + weights_us(spec, launch, constants, p.radix);
  if (!has_sums) {
    launch.launches = 2;
    launch.workspace_traffic_bytes =
        static_cast<std::int64_t>(sums_offset + 2 * choice.workspace_bytes);  // src once more
    launch.modelled_us += cuda::streaming_us(spec, static_cast<std::int64_t>(sums_offset));
  }
  choice.gpu = launch;
  choice.kernel = make_kernel<SplitAttentionKernel>(backend, request.node.name, args, sums_offset,
                                                    p.gates_only);
  return choice;
}

StepChoice sum_apart(const StepRequest& request, CudaBackend& backend) {
  const bool wanted = !params<SplitAttentionParams>(request.node).gates_only;
  return wanted ? one_launch(request, backend) : StepChoice{};
}

StepChoice gates(const StepRequest& request, CudaBackend& backend) {
  const bool wanted = params<SplitAttentionParams>(request.node).gates_only;
  return wanted ? one_launch(request, backend) : StepChoice{};
}

}  // namespace

CudaVariants split_attention_cuda() {
  static constexpr CudaVariant kVariants[] = {{"split_attention", sum_apart},
                                              {"attention_gates", gates}};
  return {kVariants};
}

}  // namespace nestor
