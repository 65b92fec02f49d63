// Convolutions with as many groups as channels.

#include <fmt/format.h>

#include <algorithm>

#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/streaming.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "kernels/depthwise_convolution/depthwise_convolution.h"

namespace nestor {

namespace {

using Args = DepthwiseConvolutionArgs;

bool is_depthwise(const ConvolutionShape& shape, const ConvolutionParams& p) {
  return shape.groups == shape.c && shape.k == shape.c && (shape.r == 3 || shape.r == 5) &&
         shape.s == shape.r && (shape.stride == 1 || shape.stride == 2) && shape.dilation == 1 &&
         shape.above() < shape.r && shape.left() < shape.s && p.has_bias && !p.has_residual;
}

// [c][1][size][size] as [size][size][c padded], as the storage.
std::shared_ptr<const cuda::Memory> packed_weight(cuda::Kernel& step, const Constants& constants,
                                                  ValueId id, const Args& args) {
  const bool half = args.dtype == DeviceDType::kFloat16;
  const int taps = args.size * args.size;
  const std::string name =
      fmt::format("{} depthwise {}", constants.name(id), half ? "float16" : "float32");
  const auto bytes = static_cast<std::size_t>(taps * args.c) * (half ? 2 : 4);
  return step.backend().constant(name, bytes, [&](std::byte* data) {
    const Constants::Tensor value = constants.value(id);
    const auto channels = static_cast<int>(constants.desc(id).shape[0]);
    for (int i = 0; i < channels * taps; ++i) {
      const int to = i % taps * args.c + i / taps;
      if (half) {
        reinterpret_cast<std::uint16_t*>(data)[to] = cuda::to_half(value.data()[i]);
      } else {
        reinterpret_cast<float*>(data)[to] = value.data()[i];
      }
    }
  });
}

void load(Args& args, cuda::Kernel& step, const Constants& constants,
          std::span<const ValueId> inputs) {
  args.weight = step.keep<void>(packed_weight(step, constants, inputs[1], args));
  args.bias = step.keep<float>(step.array(constants, inputs[2], args.c));
}

GpuLaunch launch_of(const StepRequest& request, const StepChoice& choice, const Args& args,
                    const CudaBackend& backend) {
  constexpr int kResidentBlocks = 2;
  const DeviceSpec& spec = backend.spec();
  const DepthwiseGrid grid = depthwise_grid(args.c, args.p, args.q, args.stride);
  const std::int64_t blocks = std::int64_t{args.n} * grid.blocks_c * grid.blocks_x * grid.blocks_y;
  const double memory = cuda::streaming_us(spec, cuda::tensor_bytes(request, choice, backend),
                                           cuda::constant_bytes(request, choice, backend));
  const double multiply_adds =
      static_cast<double>(std::int64_t{args.n} * args.p * args.q) * args.c * args.size * args.size;
  const double arithmetic = 2 * multiply_adds / (spec.fp32_tflops * spec.efficiency) * 1e-6;
  return {
      .grid = {blocks, 1, 1},
      .block = kDepthwiseThreads,
      .waves = cuda::waves(spec, blocks, kResidentBlocks),
      .tile = fmt::format("{}x{}x{} runs", grid.block.lines, grid.block.runs, grid.block.chunks),
      .modelled_us = std::max(memory, arithmetic) + 0.2 * std::min(memory, arithmetic)};
}

}  // namespace

StepChoice cuda::depthwise_convolution(const StepRequest& request, CudaBackend& backend) {
  const ConvolutionShape shape = convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  if (!is_depthwise(shape, p)) return {};
  StepChoice choice = activation_choice(request);
  choice.inputs[1].dtype = choice.inputs[0].dtype;
  const Args args{.dtype = device_dtype(request.precision),
                  .n = shape.n,
                  .h = shape.h,
                  .w = shape.w,
                  .c = static_cast<int>(padded8(shape.c)),
                  .p = shape.p(),
                  .q = shape.q(),
                  .size = shape.r,
                  .stride = shape.stride,
                  .above = shape.above(),
                  .left = shape.left(),
                  .activation = activation_of(p)};
  choice.gpu = launch_of(request, choice, args, backend);
  return streaming(request, backend, "depthwise_convolution", std::move(choice), args,
                   src_to_dst<Args>, load);
}

}  // namespace nestor
