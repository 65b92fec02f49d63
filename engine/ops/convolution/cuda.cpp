// The convolution's variants for CUDA: one for each engine of kernels/convolution, whose tile and
// split-K the model chooses, and the stem's first layer.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/split_attention/split_attention.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/packed_weight.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"
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

// The radix of the split attention that alone reads the convolution's result and wants its sums
// over pixels; 0 where there is none.
int feeds_radix(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  if (request.graph.is_output(dst)) return 0;
  int radix = 0;
  for (const Node& node : request.graph.nodes) {
    if (std::ranges::count(node.inputs, dst) == 0) continue;
    if (node.op != &split_attention_op() || node.inputs[0] != dst) return 0;
    radix = params<SplitAttentionParams>(node).radix;
  }
  return radix;
}

// --- implicit GEMM ------------------------------------------------------------------------------

cuda::GemmTile model_tile(const ConvolutionTile& tile) {
  return {.m = tile.m,
          .n = tile.n,
          .k = tile.slice(),
          .warps = tile.num_warps(),
          .warp_m = tile.warp_m,
          .warp_n = tile.warp_n,
          .sliced = tile.warps_k,
          .shared_bytes = tile.memory_bytes(),
          .blocks = tile.blocks};
}

struct Chosen {
  ConvolutionChoice choice;
  cuda::GemmTime time;
};

// Split-K moves partial sums through memory for certain, and is faster by a model: it must win by
// this factor. ResNeSt-50 at batch 16 on sm_70 moves 6 % less without the splits that gain 2 %.
constexpr double kSplitHandicap = 1.05;

// The fastest of the engine's tiles by the model; no time where none can do it.
Chosen choose_tile(const ConvolutionShape& shape, ConvolutionEngine engine, DeviceDType dtype,
                   std::int64_t tensor_bytes, std::int64_t weight_bytes, const DeviceSpec& spec) {
  const ConvolutionGemm gemm = convolution_gemm(shape, engine);
  Chosen best{};
  double best_us = 0;
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    const ConvolutionTile& tile = kConvolutionTiles[i];
    const cuda::GemmTile modelled = model_tile(tile);
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
      const double handicapped = time.us * (split > 1 ? kSplitHandicap : 1);
      if (best.time.us > 0 && handicapped >= best_us) continue;
      best = {choice, time};
      best_us = handicapped;
    }
  }
  return best;
}

std::shared_ptr<const cuda::Memory> packed_weight(CudaBackend& backend, const Constants& constants,
                                                  ValueId id, const ConvolutionShape& shape,
                                                  ConvolutionEngine engine) {
  const bool fma = engine == ConvolutionEngine::kFma;
  const std::string name =
      fmt::format("{} packed {}", constants.name(id), fma ? "float32" : "float16");
  return backend.constant(name, packed_weight_bytes(shape, engine), [&](std::byte* bytes) {
    const Constants::Tensor value = constants.value(id);
    if (fma) {
      pack_weight(
          shape, engine, value.data(), [](float x) { return x; }, reinterpret_cast<float*>(bytes));
    } else {
      pack_weight(shape, engine, value.data(), cuda::to_half,
                  reinterpret_cast<std::uint16_t*>(bytes));
    }
  });
}

class ConvolutionKernel final : public cuda::Kernel {
 public:
  ConvolutionKernel(CudaBackend& backend, std::string name, const ConvolutionArgs& args,
                    const ConvolutionParams& params, std::size_t dst_bytes)
      : Kernel(backend, std::move(name)), args_(args), params_(params), dst_bytes_(dst_bytes) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const ConvolutionEngine engine = kConvolutionTiles[args_.choice.tile].engine;
    weight_ = packed_weight(backend(), constants, inputs[1], args_.shape, engine);
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

// --- with the maximum over the result ------------------------------------------------------------

// The 3x3 maximum with stride 2 that alone reads the convolution's result; null where there is
// none.
const Node* max_pool_of(const StepRequest& request) {
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

class ConvolutionMaxPoolKernel final : public cuda::Kernel {
 public:
  ConvolutionMaxPoolKernel(CudaBackend& backend, std::string name,
                           const ConvolutionMaxPoolArgs& args, const ConvolutionShape& shape,
                           bool has_bias)
      : Kernel(backend, std::move(name)), args_(args), shape_(shape), has_bias_(has_bias) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    weight_ = packed_weight(backend(), constants, inputs[1], shape_, tensor_engine(args_.sm));
    args_.weight = weight_->get();
    if (!has_bias_) return;
    bias_ = array(constants, inputs[2], shape_.k);
    args_.bias = static_cast<const float*>(bias_->get());
  }

 private:
  static ConvolutionEngine tensor_engine(int sm) {
    if (sm >= 80) return ConvolutionEngine::kAmpere;
    return sm >= 75 ? ConvolutionEngine::kTuring : ConvolutionEngine::kVolta;
  }

  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    args_.src = input<void>(0);
    args_.dst = output<void>();
    return library.convolution_max_pool(args_, stream);
  }

  ConvolutionMaxPoolArgs args_;
  ConvolutionShape shape_;
  bool has_bias_;
  std::shared_ptr<const cuda::Memory> weight_, bias_;
};

// What the two steps would take apart.
double apart_us(const StepRequest& request, const Node& pool, CudaBackend& backend) {
  double us = 0;
  for (const auto& choose : {engine<ConvolutionEngine::kAmpere>, engine<ConvolutionEngine::kTuring>,
                             engine<ConvolutionEngine::kVolta>}) {
    const StepChoice choice = choose(request, backend);
    if (choice.kernel != nullptr) us = choice.gpu->modelled_us;
  }
  const BufferFormat format = CudaBackend::activation_format(request.precision);
  const auto bytes = [&](ValueId id) {
    return static_cast<std::int64_t>(backend.buffer_bytes(request.graph.desc(id).shape, format));
  };
  return us + cuda::streaming_us(backend.spec(), bytes(pool.inputs[0]) + bytes(pool.outputs[0]));
}

StepChoice max_pool(const StepRequest& request, CudaBackend& backend) {
  const Node* const pool = max_pool_of(request);
  const ConvolutionShape shape = convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  const bool fits = pool != nullptr && request.precision == Precision::kFp16 && shape.r == 3 &&
                    shape.s == 3 && shape.stride == 1 && shape.pad == 1 && shape.dilation == 1 &&
                    shape.groups == 1 && p.relu && !p.has_residual &&
                    convolution_max_pool_supports(shape.n, shape.h, shape.w, shape.c, shape.k);
  if (!fits) return {};
  const Shape& dst = request.graph.desc(pool->outputs[0]).shape;
  const MaxPoolTile tile = max_pool_tile(narrow(dst[2]), narrow(dst[3]));
  const std::int64_t blocks = convolution_max_pool_blocks(shape.n, shape.h, shape.w, shape.k);
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {DType::kFloat16, Layout::kPlain};
  choice.also = pool;
  const std::int64_t weight_bytes = cuda::constant_bytes(request, choice, backend);
  const std::int64_t src_bytes = std::int64_t{2} * shape.n * shape.h * shape.w * shape.c;
  const std::int64_t dst_bytes =
      static_cast<std::int64_t>(backend.buffer_bytes(dst, choice.output));
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
  const bool forced = !request.forced_variant.empty();
  if (!forced && time.us >= apart_us(request, *pool, backend)) return {};
  choice.gpu = GpuLaunch{.grid = {blocks, 1, 1},
                         .block = kMaxPoolThreads,
                         .shared_bytes = kMaxPoolSharedBytes,
                         .waves = time.waves,
                         .tile = fmt::format("{}x{} of {}x{}", kMaxPoolRows, kMaxPoolChannels,
                                             tile.lines, tile.columns),
                         .modelled_us = time.us};
  choice.kernel =
      std::make_unique<ConvolutionMaxPoolKernel>(backend, request.node.name,
                                                 ConvolutionMaxPoolArgs{.sm = backend.spec().sm,
                                                                        .n = shape.n,
                                                                        .h = shape.h,
                                                                        .w = shape.w,
                                                                        .c = shape.c,
                                                                        .k = shape.k},
                                                 shape, p.has_bias);
  return choice;
}

// --- the stem's first layer ---------------------------------------------------------------------

class StemKernel final : public cuda::Kernel {
 public:
  StemKernel(CudaBackend& backend, std::string name, const StemConvolutionArgs& args,
             BufferFormat src)
      : Kernel(backend, std::move(name)),
        args_(args),
        reads_planes_(src.layout == Layout::kPlain) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const int k = args_.k, taps = args_.size * args_.size;
    weight_ = backend().constant(
        constants.name(inputs[1]) + " stem", static_cast<std::size_t>(3 * taps * k) * sizeof(float),
        [&](std::byte* bytes) {
          const Constants::Tensor value = constants.value(inputs[1]);
          auto* const packed = reinterpret_cast<float*>(bytes);  // [size][size][3][k]
          for (int channel = 0; channel < k; ++channel) {
            for (int c = 0; c < 3; ++c) {
              for (int tap = 0; tap < taps; ++tap) {
                packed[(tap * 3 + c) * k + channel] = value.data()[(channel * 3 + c) * taps + tap];
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
    if (reads_planes_) {
      args_.planes = input<float>(0);
    } else {
      args_.src = input<void>(0);
    }
    args_.dst = output<void>();
    return library.stem_convolution(args_, stream);
  }

  StemConvolutionArgs args_;
  bool reads_planes_;
  std::shared_ptr<const cuda::Memory> weight_, bias_;
};

StepChoice stem(const StepRequest& request, CudaBackend& backend) {
  constexpr int kThreads = 128, kPixelsPerThread = 4, kChannelsPerThread = 8;
  const ConvolutionShape shape = convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  const bool fits = shape.c == 3 && (shape.r == 3 || shape.r == 7) && shape.s == shape.r &&
                    shape.stride == 2 && shape.pad == shape.r / 2 && shape.dilation == 1 &&
                    shape.groups == 1 && shape.k % 8 == 0 && shape.k <= kMaxStemChannels &&
                    p.has_bias && !p.has_residual;
  if (!fits) return {};
  const DeviceSpec& spec = backend.spec();
  const int products = 3 * shape.r * shape.s;
  StepChoice choice = cuda::activation_choice(request);
  // The network's input is read as it is given.
  if (request.available[0] == BufferFormat{}) choice.inputs[0] = BufferFormat{};
  const std::int64_t rows = std::int64_t{shape.n} * shape.p();
  const std::int64_t threads =
      rows * cuda::ceil_div(shape.q(), kPixelsPerThread) * (shape.k / kChannelsPerThread);
  const double memory = cuda::streaming_us(spec, cuda::tensor_bytes(request, choice, backend),
                                           cuda::constant_bytes(request, choice, backend));
  const double multiply_adds = static_cast<double>(rows * shape.q() * shape.k) * products;
  const double arithmetic = 2 * multiply_adds / (spec.fp32_tflops * spec.efficiency) * 1e-6;
  choice.gpu = GpuLaunch{
      .grid = {cuda::ceil_div(threads, kThreads), 1, 1},
      .block = kThreads,
      .shared_bytes = narrow(products * kMaxStemChannels * sizeof(float)),
      .waves = cuda::waves(spec, cuda::ceil_div(threads, kThreads), /*resident=*/8),
      .tile = {},
      .modelled_us = std::max(memory, arithmetic) + 0.2 * std::min(memory, arithmetic),
  };
  choice.kernel = std::make_unique<StemKernel>(
      backend, request.node.name,
      StemConvolutionArgs{.dtype = cuda::device_dtype(request.precision),
                          .size = shape.r,
                          .n = shape.n,
                          .h = shape.h,
                          .w = shape.w,
                          .k = shape.k,
                          .relu = p.relu},
      choice.inputs[0]);
  return choice;
}

}  // namespace

std::span<const CudaVariant> convolution_cuda() {
  static constexpr CudaVariant kVariants[] = {
      {"stem_convolution", stem},
      {"convolution_max_pool", max_pool},
      {"convolution_sm80", engine<ConvolutionEngine::kAmpere>},
      {"convolution_sm75", engine<ConvolutionEngine::kTuring>},
      {"convolution_sm70", engine<ConvolutionEngine::kVolta>},
      {"convolution_fma", engine<ConvolutionEngine::kFma>},
  };
  return kVariants;
}

}  // namespace nestor
