// The convolution's variants for CUDA: one for each engine of kernels/convolution, whose tile and
// split-K the model chooses, and the stem's first layer.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/step.h"
#include "engine/check.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/problem.h"
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

cuda::GemmTile model_tile(const ConvolutionTile& tile, const ConvolutionShape& shape) {
  const bool halo = tile.form() == ConvolutionForm::kHalo;
  return {.m = tile.m,
          .n = tile.n,
          .k = tile.slice(),
          .warps = tile.num_warps(),
          .warp_m = tile.warp_m,
          .warp_n = tile.warp_n,
          .sliced = tile.warps_k,
          .shared_bytes = tile.memory_bytes(),
          .blocks = tile.blocks,
          .patch = halo ? narrow(halo_patch(shape, tile)) : 0};
}

struct Candidate {
  ConvolutionChoice choice;
  cuda::GemmTime time;
  double us = 0;  // by which it is preferred

  const ConvolutionTile& tile() const { return kConvolutionTiles[choice.tile]; }
};

// Split-K moves partial sums through memory for certain, and is faster by a model: it must win by
// this factor. ResNeSt-50 at batch 16 on sm_70 moves 6 % less without the splits that gain 2 %.
constexpr double kSplitHandicap = 1.05;

// Deterministic plans choose for this batch, whatever the batch is.
constexpr int kDeterministicBatch = 16;

// What tile and split-K are chosen for.
class TileProblem {
 public:
  TileProblem(const StepRequest& request, const StepChoice& choice, CudaBackend& backend,
              ConvolutionEngine engine)
      : spec_(backend.spec()),
        shape_(convolution_shape(request)),
        dtype_(cuda::device_dtype(request.precision)),
        engine_(engine),
        deterministic_(request.deterministic),
        radix_(feeds_radix(request)),
        image_bytes_(cuda::tensor_bytes(request, choice, backend) / shape_.n),
        weight_bytes_(cuda::constant_bytes(request, choice, backend)) {
    if (radix_ > 0 && shape_.k % (8 * radix_) != 0) radix_ = 0;
  }

  const ConvolutionShape& shape() const { return shape_; }

  // Of the split attention that reads sums which this tile leaves; 0 where it leaves none. Tiles
  // cut the batch: an image's sums are its own only where tiles end at images.
  int sums_radix(const ConvolutionTile& tile) const {
    const bool own = shape_.p() * shape_.q() % tile.m == 0;
    return deterministic_ && !own ? 0 : radix_;
  }

  // All that the engine can do, the fastest by the model first.
  std::vector<Candidate> candidates() const {
    ConvolutionShape shape = shape_;
    if (deterministic_) shape.n = kDeterministicBatch;
    std::vector<Candidate> found;
    for (int i = 0; i < kNumConvolutionTiles; ++i) {
      const ConvolutionTile& tile = kConvolutionTiles[i];
      if (tile.engine != engine_ || model_tile(tile, shape).resident_blocks(spec_) == 0) continue;
      const ConvolutionGemm gemm = convolution_gemm(shape, engine_);
      for (const int split : cuda::kSplits) {
        if (split > 1 && gemm.num_slices < 4 * split) break;
        const ConvolutionChoice choice{i, split};
        if (!convolution_supports(shape, dtype_, choice)) continue;
        const cuda::GemmTime time = modelled(shape, choice);
        found.push_back({choice, time,
                         time.us * (split > 1 ? kSplitHandicap : 1) + sums_us(shape, tile)});
      }
    }
    std::ranges::stable_sort(found, {}, &Candidate::us);
    return found;
  }

  // The pinned candidate, or the best; nothing where there is none.
  std::optional<Candidate> choose(const StepRequest& request) const {
    const std::vector<Candidate> all = candidates();
    const auto found = std::ranges::find_if(all, [&](const Candidate& candidate) {
      return request.pinned == nullptr || (request.pinned->tile == candidate.tile().name &&
                                           request.pinned->splits == candidate.choice.splits);
    });
    if (found == all.end()) return std::nullopt;
    Candidate chosen = *found;
    if (deterministic_) {
      CHECK_AS(kUnsupported, convolution_supports(shape_, dtype_, chosen.choice),
               "{}: a batch of {} is too large for a deterministic plan", request.node.name,
               shape_.n);
      chosen.time = modelled(shape_, chosen.choice);
    }
    return chosen;
  }

 private:
  cuda::GemmTime modelled(const ConvolutionShape& shape, ConvolutionChoice choice) const {
    const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
    const ConvolutionGemm gemm = convolution_gemm(shape, engine_);
    return cuda::gemm_time({.m = shape.num_rows(),
                            .n = gemm.max_columns,
                            .k = std::int64_t{gemm.num_slices} * tile.slice(),
                            .groups = shape.groups,
                            .taps = shape.r * shape.s,
                            .half = engine_ != ConvolutionEngine::kFma,
                            .tensor_bytes = image_bytes_ * shape.n,
                            .weight_bytes = weight_bytes_},
                           model_tile(tile, shape), choice.splits, spec_);
  }

  // Of the launch that pools the result where the tile does not.
  double sums_us(const ConvolutionShape& shape, const ConvolutionTile& tile) const {
    if (radix_ == 0 || sums_radix(tile) > 0) return 0;
    const std::int64_t elements = shape.num_rows() * padded_channels(shape.k);
    return cuda::streaming_us(spec_, elements * (dtype_ == DeviceDType::kFloat16 ? 2 : 4));
  }

  const DeviceSpec& spec_;
  ConvolutionShape shape_;
  DeviceDType dtype_;
  ConvolutionEngine engine_;
  bool deterministic_;
  int radix_;
  std::int64_t image_bytes_, weight_bytes_;
};

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

// The choice before anything is chosen; nothing where the engine cannot do it here at all.
std::optional<StepChoice> engine_choice(const StepRequest& request, CudaBackend& backend,
                                        ConvolutionEngine engine) {
  const bool fma = engine == ConvolutionEngine::kFma;
  const bool half = cuda::device_dtype(request.precision) == DeviceDType::kFloat16;
  if (!engine_runs_on(engine, backend.spec().sm) || (!fma && !half)) return std::nullopt;
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {fma ? DType::kFloat32 : DType::kFloat16, Layout::kPlain};
  return choice;
}

StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend,
                         ConvolutionEngine engine) {
  std::optional<StepChoice> possible = engine_choice(request, backend, engine);
  if (!possible) return {};
  StepChoice choice = std::move(*possible);
  const TileProblem problem(request, choice, backend, engine);
  const std::optional<Candidate> chosen = problem.choose(request);
  if (!chosen) return {};

  const ConvolutionShape& shape = problem.shape();
  const ConvolutionTile& tile = chosen->tile();
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const auto& p = params<ConvolutionParams>(request.node);
  ConvolutionArgs args{.dtype = cuda::device_dtype(request.precision),
                       .shape = shape,
                       .choice = chosen->choice,
                       .relu = p.relu};
  const std::size_t dst_bytes = backend.buffer_bytes(dst, choice.output);
  if (const int radix = problem.sums_radix(tile); radix > 0) {
    choice.output.sums_tile = tile.m;
    choice.output.sums_parts = radix;
    args.pooled_parts = radix;
    args.pooled_slots = narrow(cuda::sums_slots(dst, choice.output));
  }
  choice.workspace_bytes = convolution_workspace_bytes(shape, chosen->choice);
  const ConvolutionGrid grid = convolution_grid(shape, chosen->choice);
  choice.gpu = GpuLaunch{
      .grid = {grid.tiles_n, grid.tiles_m, grid.splits},
      .block = tile.num_threads(),
      .shared_bytes = tile.memory_bytes(),
      .waves = chosen->time.waves,
      .tile = fmt::format("{}x{}{}{}{}", tile.m, tile.n,
                          tile.warps_k > 1 ? fmt::format("/{}", tile.warps_k) : "",
                          tile.form() == ConvolutionForm::kHalo ? " halo" : "",
                          grid.splits > 1 ? fmt::format(", split {}", grid.splits) : ""),
      .workspace_traffic_bytes = 2 * static_cast<std::int64_t>(choice.workspace_bytes),
      .modelled_us = chosen->time.us,
  };
  choice.kernel =
      std::make_unique<ConvolutionKernel>(backend, request.node.name, args, p, dst_bytes);
  return choice;
}

template <ConvolutionEngine kEngine>
StepChoice engine(const StepRequest& request, CudaBackend& backend) {
  return implicit_gemm(request, backend, kEngine);
}

template <ConvolutionEngine kEngine>
std::vector<TunedChoice> tiles(const StepRequest& request, CudaBackend& backend) {
  const std::optional<StepChoice> possible = engine_choice(request, backend, kEngine);
  if (!possible) return {};
  std::vector<TunedChoice> result;
  for (const Candidate& candidate :
       TileProblem(request, *possible, backend, kEngine).candidates()) {
    result.push_back({.variant = {},
                      .tile = candidate.tile().name,
                      .splits = candidate.choice.splits,
                      .us = candidate.us});
  }
  return result;
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
      {"convolution_sm80", engine<ConvolutionEngine::kAmpere>,
       tiles<ConvolutionEngine::kAmpere>},
      {"convolution_sm75", engine<ConvolutionEngine::kTuring>,
       tiles<ConvolutionEngine::kTuring>},
      {"convolution_sm70", engine<ConvolutionEngine::kVolta>,
       tiles<ConvolutionEngine::kVolta>},
      {"convolution_fma", engine<ConvolutionEngine::kFma>, tiles<ConvolutionEngine::kFma>},
  };
  return kVariants;
}

// As problem.h writes them, and "_sums2" where the result is pooled for a split attention of radix
// 2.
std::string convolution_problem(const StepRequest& request) {
  ConvolutionProblem problem{.params = params<ConvolutionParams>(request.node),
                             .src = request.graph.desc(request.node.inputs[0]).shape,
                             .weight = request.graph.desc(request.node.inputs[1]).shape,
                             .dst = {},
                             .precision = request.precision};
  if (request.deterministic) problem.src[0] = kDeterministicBatch;
  const int radix = feeds_radix(request);
  return to_string(problem) + (radix > 0 ? fmt::format("_sums{}", radix) : "");
}

}  // namespace nestor
