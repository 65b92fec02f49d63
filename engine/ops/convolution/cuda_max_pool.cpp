// A convolution together with the maximum over its result.

#include <fmt/format.h>

#include <algorithm>

#include "engine/backends/cuda/convolution_step.h"
#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "engine/ops/pooling/pooling.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"

namespace nestor {

namespace {

class ConvolutionMaxPoolKernel : public cuda::Kernel {
 public:
  ConvolutionMaxPoolKernel(CudaBackend& backend, std::string name,
                           const ConvolutionMaxPoolArgs& args, const ConvolutionShape& shape,
                           bool has_bias)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<ConvolutionMaxPoolArgs>("convolution_max_pool")),
        args_(args),
        shape_(shape),
        has_bias_(has_bias) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    weight_ = cuda::packed_weight(backend(), constants, inputs[1], shape_, tensor_family(args_.sm));
    args_.weight = weight_->get();
    if (!has_bias_) return;
    bias_ = array(constants, inputs[2], shape_.k);
    args_.bias = static_cast<const float*>(bias_->get());
  }

 private:
  DeviceStatus launch(Stream stream) override {
    args_.src = input<void>(0);
    args_.dst = output<void>();
    return launcher_(args_, stream);
  }

  Launcher<ConvolutionMaxPoolArgs> launcher_;
  ConvolutionMaxPoolArgs args_;
  ConvolutionShape shape_;
  bool has_bias_;
  std::shared_ptr<const cuda::Memory> weight_, bias_;
};

// What the two steps would take apart.
double apart_us(const StepRequest& request, const Node& pool, CudaBackend& backend) {
  const StepChoice choice = cuda::convolution_on_tensor_cores(request, backend);
  const double us = choice.kernel == nullptr ? 0 : choice.gpu->modelled_us;
  const BufferFormat format = CudaBackend::activation_format(request.precision);
  const auto bytes = [&](ValueId id) {
    return static_cast<std::int64_t>(backend.buffer_bytes(request.graph.desc(id).shape, format));
  };
  return us + cuda::streaming_us(backend.spec(), bytes(pool.inputs[0]) + bytes(pool.outputs[0]));
}

}  // namespace

const Node* cuda::max_pool_of(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  if (request.graph.is_output(dst)) return nullptr;
  const Node* found = nullptr;
  for (const Node& node : request.graph.nodes) {
    if (std::ranges::count(node.inputs, dst) == 0) continue;
    if (found != nullptr || node.op != &pooling_op()) return nullptr;
    found = &node;
  }
  if (found == nullptr) return nullptr;
  const auto& p = params<PoolingParams>(*found);
  const bool fits = p.kind == PoolingParams::Kind::kMax && p.kernel == 3 && p.stride == 2 &&
                    p.pad == 1 && !p.ceil_mode;
  return fits ? found : nullptr;
}

StepChoice cuda::convolution_max_pool(const StepRequest& request, CudaBackend& backend) {
  const Node* const pool = max_pool_of(request);
  const ConvolutionShape shape = cuda::convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  const bool fits = pool != nullptr && request.precision == Precision::kFp16 && shape.r == 3 &&
                    shape.s == 3 && shape.stride == 1 && shape.above() == 1 && shape.left() == 1 &&
                    shape.dilation == 1 && shape.groups == 1 && p.relu && !p.has_residual &&
                    convolution_max_pool_supports(shape.n, shape.h, shape.w, shape.c, shape.k);
  if (!fits) return {};
  const Shape& dst = request.graph.desc(pool->outputs[0]).shape;
  const MaxPoolTile tile = max_pool_tile(static_cast<int>(dst[2]), static_cast<int>(dst[3]));
  const std::int64_t blocks = convolution_max_pool_blocks(shape.n, shape.h, shape.w, shape.k);
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {DType::kFloat16, Layout::kPlain};
  choice.also = pool;
  const std::int64_t weight_bytes = cuda::constant_bytes(request, choice, backend);
  const std::int64_t src_bytes = std::int64_t{2} * shape.n * shape.h * shape.w * shape.c;
  const std::int64_t dst_bytes =
      static_cast<std::int64_t>(backend.buffer_bytes(dst, choice.outputs[0]));
  // A block's rows are one patch's, read once for all taps; rows that neighbours share count twice.
  DeviceSpec spec = backend.spec();
  const int patch_pixels = (tile.y_lines() + 2) * (tile.y_columns() + 2);
  spec.tap_reuse = static_cast<double>(patch_pixels) / (9 * kMaxPoolRows);
  const int tiles_k = shape.k / kMaxPoolChannels;
  const cuda::GemmTile block{.m = kMaxPoolRows,
                             .n = kMaxPoolChannels,
                             .k = 32,
                             .warps = kMaxPoolThreads / 32,
                             .warp_m = 64,
                             .warp_n = kMaxPoolChannels,
                             .sliced = 1,
                             .shared_bytes = kMaxPoolSharedBytes,
                             .blocks = kMaxPoolBlocks};
  if (block.resident_blocks(spec) == 0) return {};
  const cuda::GemmTime time = cuda::gemm_time({.m = blocks / tiles_k * kMaxPoolRows,
                                               .n = shape.k,
                                               .k = std::int64_t{9} * shape.c,
                                               .taps = 9,
                                               .tensor_bytes = src_bytes + dst_bytes,
                                               .weight_bytes = weight_bytes},
                                              block, /*split=*/1, spec);
  // The model's answer may depend on the batch, which deterministic plans must not.
  const bool asks_model = request.forced_variant.empty() && !request.deterministic;
  if (asks_model && time.us >= apart_us(request, *pool, backend)) return {};
  choice.gpu = GpuLaunch{.grid = {blocks, 1, 1},
                         .block = kMaxPoolThreads,
                         .shared_bytes = kMaxPoolSharedBytes,
                         .waves = time.waves,
                         .tile = fmt::format("{}x{} of {}x{}", kMaxPoolRows, kMaxPoolChannels,
                                             tile.lines, tile.columns),
                         .modelled_us = time.us};
  choice.kernel =
      make_kernel<ConvolutionMaxPoolKernel>(backend, request.node.name,
                                            ConvolutionMaxPoolArgs{.sm = backend.spec().sm,
                                                                   .n = shape.n,
                                                                   .h = shape.h,
                                                                   .w = shape.w,
                                                                   .c = shape.c,
                                                                   .k = shape.k},
                                            shape, p.has_bias);
  return choice;
}

}  // namespace nestor
