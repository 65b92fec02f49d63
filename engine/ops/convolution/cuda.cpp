// The convolution's variants for CUDA: one for each engine of kernels/convolution, whose tile and
// split-K the model chooses, and the stem's first layer.

#include <fmt/format.h>

#include <algorithm>

#include "engine/backends/cuda/convolution_step.h"
#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/split_attention/split_attention.h"
#include "kernels/convolution/convolution.h"
#include "kernels/stem_convolution/stem_convolution.h"

namespace nestor {

namespace {

int narrow(std::int64_t value) { return static_cast<int>(value); }

ConvolutionShape convolution_shape(const StepRequest& request) {
  const auto& p = params<ConvolutionParams>(request.node);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& weight = request.graph.desc(request.node.inputs[1]).shape;
  return {.n = narrow(src[0]),
          .h = narrow(src[2]),
          .w = narrow(src[3]),
          .c = narrow(src[1]),
          .k = narrow(weight[0]),
          .r = narrow(weight[2]),
          .s = narrow(weight[3]),
          .stride = p.stride,
          .pad = p.pad,
          .dilation = p.dilation,
          .groups = p.groups};
}

// The radix of the split attention that reads the convolution's result and wants its sums over
// pixels; 0 where there is none, or who else reads it cannot leave the sums alone.
int feeds_radix(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  if (request.graph.is_output(dst)) return 0;
  int radix = 0;
  for (const Node& node : request.graph.nodes) {
    if (std::ranges::count(node.inputs, dst) == 0) continue;
    if (node.op == &fused_convolution_op()) continue;  // weights what the gates are for
    if (node.op != &split_attention_op() || node.inputs[0] != dst) return 0;
    radix = params<SplitAttentionParams>(node).radix;
  }
  return radix;
}

// --- implicit GEMM ------------------------------------------------------------------------------

struct Chosen {
  ConvolutionChoice choice;
  cuda::GemmTime time;
};

// The fastest of the engine's tiles by the model; no time where none can do it.
Chosen choose_tile(const ConvolutionShape& shape, ConvolutionEngine engine, DeviceDType dtype,
                   std::int64_t tensor_bytes, std::int64_t weight_bytes, const DeviceSpec& spec) {
  const ConvolutionGemm gemm = convolution_gemm(shape, engine);
  Chosen best{};
  double best_us = 0;
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    const ConvolutionTile& tile = kConvolutionTiles[i];
    const cuda::GemmTile modelled = cuda::model_tile(tile);
    if (tile.engine != engine || modelled.resident_blocks(spec) == 0) continue;
    const cuda::GemmProblem problem{.m = shape.num_rows(),
                                    .n = gemm.max_columns,
                                    .k = std::int64_t{gemm.num_slices} * tile.slice(),
                                    .groups = shape.groups,
                                    .taps = shape.r * shape.s,
                                    .half = engine != ConvolutionEngine::kFma,
                                    .tensor_bytes = tensor_bytes,
                                    .weight_bytes = weight_bytes};
    for (const int split : cuda::kSplits) {
      if (split > 1 && gemm.num_slices < 4 * split) break;
      const ConvolutionChoice choice{i, split};
      if (!convolution_supports(shape, dtype, choice)) continue;
      const cuda::GemmTime time = cuda::gemm_time(problem, modelled, split, spec);
      const double handicapped = time.us * (split > 1 ? cuda::kSplitHandicap : 1);
      if (best.time.us > 0 && handicapped >= best_us) continue;
      best = {choice, time};
      best_us = handicapped;
    }
  }
  return best;
}

class ConvolutionKernel final : public cuda::Kernel {
 public:
  ConvolutionKernel(CudaBackend& backend, std::string name, const ConvolutionArgs& args,
                    const ConvolutionParams& params, std::size_t dst_bytes)
      : Kernel(backend, std::move(name)), args_(args), params_(params), dst_bytes_(dst_bytes) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const ConvolutionEngine engine = kConvolutionTiles[args_.choice.tile].engine;
    weight_ = cuda::packed_weight(backend(), constants, inputs[1], args_.shape, engine);
    args_.weight = weight_->get();
    if (params_.has_bias) {
      bias_ = array(constants, inputs[2], cuda::padded8(args_.shape.k));
      args_.bias = static_cast<const float*>(bias_->get());
    }
    const int num_counters = convolution_num_counters(args_.shape, args_.choice);
    if (num_counters == 0) return;
    counters_ = backend().allocate(static_cast<std::size_t>(num_counters) * sizeof(unsigned));
    args_.counters = static_cast<unsigned*>(counters_.get());
  }

 private:
  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    args_.src = input<void>(0);
    args_.residual = params_.has_residual ? input<void>(params_.has_bias ? 3 : 2) : nullptr;
    args_.dst = output<void>();
    if (args_.pooled_slots > 0) {
      args_.pooled = reinterpret_cast<float*>(output<std::byte>() + dst_bytes_);
    }
    args_.workspace = static_cast<float*>(workspace());
    return library.convolution(args_, stream);
  }

  ConvolutionArgs args_;
  ConvolutionParams params_;
  std::size_t dst_bytes_;  // where the pooled sums begin
  std::shared_ptr<const cuda::Memory> weight_, bias_;
  std::shared_ptr<void> counters_;
};

StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend,
                         ConvolutionEngine engine) {
  if (!engine_runs_on(engine, backend.spec().sm)) return {};
  const DeviceDType dtype = cuda::device_dtype(request.precision);
  if (engine != ConvolutionEngine::kFma && dtype != DeviceDType::kFloat16) return {};
  const ConvolutionShape shape = convolution_shape(request);
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {engine == ConvolutionEngine::kFma ? DType::kFloat32 : DType::kFloat16,
                      Layout::kPlain};
  const auto [tile_choice, time] =
      choose_tile(shape, engine, dtype, cuda::tensor_bytes(request, choice, backend),
                  cuda::constant_bytes(request, choice, backend), backend.spec());
  if (time.us == 0) return {};

  const ConvolutionTile& tile = kConvolutionTiles[tile_choice.tile];
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const auto& p = params<ConvolutionParams>(request.node);
  ConvolutionArgs args{.dtype = dtype, .shape = shape, .choice = tile_choice, .relu = p.relu};
  const std::size_t dst_bytes = backend.buffer_bytes(dst, choice.output);
  const int radix = feeds_radix(request);
  if (radix > 0 && shape.k % (8 * radix) == 0) {
    choice.output.sums_tile = tile.m;
    choice.output.sums_parts = radix;
    args.pooled_parts = radix;
    args.pooled_slots = narrow(cuda::sums_slots(dst, choice.output));
  }
  choice.workspace_bytes = convolution_workspace_bytes(shape, tile_choice);
  const ConvolutionGrid grid = convolution_grid(shape, tile_choice);
  choice.gpu = GpuLaunch{
      .grid = {grid.tiles_n, grid.tiles_m, grid.splits},
      .block = tile.num_threads(),
      .shared_bytes = tile.memory_bytes(),
      .waves = time.waves,
      .tile = fmt::format("{}x{}{}{}", tile.m, tile.n,
                          tile.warps_k > 1 ? fmt::format("/{}", tile.warps_k) : "",
                          grid.splits > 1 ? fmt::format(", split {}", grid.splits) : ""),
      .workspace_traffic_bytes = 2 * static_cast<std::int64_t>(choice.workspace_bytes),
      .modelled_us = time.us,
  };
  choice.kernel =
      std::make_unique<ConvolutionKernel>(backend, request.node.name, args, p, dst_bytes);
  return choice;
}

template <ConvolutionEngine kEngine>
StepChoice engine(const StepRequest& request, CudaBackend& backend) {
  return implicit_gemm(request, backend, kEngine);
}

// --- the stem's first layer ---------------------------------------------------------------------

class StemKernel final : public cuda::Kernel {
 public:
  StemKernel(CudaBackend& backend, std::string name, const StemConvolutionArgs& args)
      : Kernel(backend, std::move(name)), args_(args) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const int k = args_.k;
    weight_ = backend().constant(
        constants.name(inputs[1]) + " stem", static_cast<std::size_t>(27 * k) * sizeof(float),
        [&](std::byte* bytes) {
          const Constants::Tensor value = constants.value(inputs[1]);
          auto* const packed = reinterpret_cast<float*>(bytes);  // [3][3][3][k]
          for (int channel = 0; channel < k; ++channel) {
            for (int c = 0; c < 3; ++c) {
              for (int tap = 0; tap < 9; ++tap) {
                packed[(tap * 3 + c) * k + channel] = value.data()[(channel * 3 + c) * 9 + tap];
              }
            }
          }
        });
    bias_ = array(constants, inputs[2], k);
    args_.weight = static_cast<const float*>(weight_->get());
    args_.bias = static_cast<const float*>(bias_->get());
  }

 private:
  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    args_.src = input<void>(0);
    args_.dst = output<void>();
    return library.stem_convolution(args_, stream);
  }

  StemConvolutionArgs args_;
  std::shared_ptr<const cuda::Memory> weight_, bias_;
};

StepChoice stem(const StepRequest& request, CudaBackend& backend) {
  constexpr int kThreads = 128, kPixelsPerThread = 4, kChannelsPerThread = 8, kTaps = 27;
  const ConvolutionShape shape = convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  const bool fits = shape.c == 3 && shape.r == 3 && shape.s == 3 && shape.stride == 2 &&
                    shape.pad == 1 && shape.dilation == 1 && shape.groups == 1 &&
                    shape.k % 8 == 0 && shape.k <= kMaxStemChannels && p.has_bias &&
                    !p.has_residual;
  if (!fits) return {};
  const DeviceSpec& spec = backend.spec();
  StepChoice choice = cuda::activation_choice(request);
  const std::int64_t rows = std::int64_t{shape.n} * shape.p();
  const std::int64_t threads =
      rows * cuda::ceil_div(shape.q(), kPixelsPerThread) * (shape.k / kChannelsPerThread);
  const double memory = cuda::streaming_us(spec, cuda::tensor_bytes(request, choice, backend),
                                           cuda::constant_bytes(request, choice, backend));
  const double multiply_adds = static_cast<double>(rows * shape.q() * shape.k) * kTaps;
  const double arithmetic = 2 * multiply_adds / (spec.fp32_tflops * spec.efficiency) * 1e-6;
  choice.gpu = GpuLaunch{
      .grid = {cuda::ceil_div(threads, kThreads), 1, 1},
      .block = kThreads,
      .shared_bytes = narrow(kTaps * kMaxStemChannels * sizeof(float)),
      .waves = cuda::waves(spec, cuda::ceil_div(threads, kThreads), /*resident=*/8),
      .tile = {},
      .modelled_us = std::max(memory, arithmetic) + 0.2 * std::min(memory, arithmetic),
  };
  choice.kernel = std::make_unique<StemKernel>(
      backend, request.node.name,
      StemConvolutionArgs{.dtype = cuda::device_dtype(request.precision),
                          .n = shape.n,
                          .h = shape.h,
                          .w = shape.w,
                          .k = shape.k,
                          .relu = p.relu});
  return choice;
}

}  // namespace

std::span<const CudaVariant> convolution_cuda() {
  static constexpr CudaVariant kVariants[] = {
      {"stem_convolution", stem},
      {"convolution_sm80", engine<ConvolutionEngine::kAmpere>},
      {"convolution_sm75", engine<ConvolutionEngine::kTuring>},
      {"convolution_sm70", engine<ConvolutionEngine::kVolta>},
      {"convolution_fma", engine<ConvolutionEngine::kFma>},
  };
  return kVariants;
}

}  // namespace nestor
