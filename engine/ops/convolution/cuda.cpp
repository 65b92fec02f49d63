// The convolution's variants for CUDA: one for each MMA family of kernels/convolution, whose tile and
// split-K the model chooses, and those for special shapes (cuda_stem.cpp, cuda_depthwise.cpp,
// cuda_vectors.cpp, cuda_max_pool.cpp).

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/backends/cuda/convolution_step.h"
#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/check.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "engine/ops/convolution/problem.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

// The radix of the split attention that reads the convolution's result and wants its sums over
// pixels; 0 if there is none, or who else reads it cannot leave the sums alone.
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

cuda::GemmTile model_tile(const ConvolutionTile& tile, const ConvolutionShape& shape,
                          const DeviceSpec& spec) {
  cuda::GemmTile modelled = cuda::model_tile(tile, tile.name, spec);
  if (tile.form() == ConvolutionForm::kHalo) {
    modelled.patch = static_cast<int>(halo_patch(shape, tile));
  }
  return modelled;
}

struct Candidate {
  ConvolutionChoice choice;
  cuda::GemmTime time;
  double us = 0;  // by which it is preferred

  const ConvolutionTile& tile() const { return kConvolutionTiles[choice.tile]; }
};

// Deterministic plans choose for this batch, whatever the batch is; of what costs at most so many
// times the best there, they take what is fastest for one image. Images are not always the first
// dimension: a convolution may run on many items of each (Graph::items).
constexpr int kDeterministicBatch = 16;
constexpr double kDeterministicSlack = 1.05;

// What tile and split-K are chosen for.
class TileProblem {
 public:
  TileProblem(const StepRequest& request, const StepChoice& choice, CudaBackend& backend,
              MmaFamily family)
      : spec_(backend.spec()),
        shape_(cuda::convolution_shape(request)),
        dtype_(cuda::device_dtype(request.precision)),
        family_(family),
        deterministic_(request.deterministic),
        has_residual_(params<ConvolutionParams>(request.node).has_residual),
        items_(request.graph.items(request.node.inputs[0])),
        radix_(feeds_radix(request)),
        item_bytes_(cuda::tensor_bytes(request, choice, backend) / shape_.n),
        weight_bytes_(cuda::constant_bytes(request, choice, backend)) {
    if (radix_ > 0 && shape_.k % (8 * radix_) != 0) radix_ = 0;
  }

  const ConvolutionShape& shape() const { return shape_; }

  // Of the split attention that reads sums which this tile leaves; 0 if it leaves none. Tiles
  // cut the batch: an image's sums are its own only if tiles end at images.
  int sums_radix(const ConvolutionTile& tile) const {
    const bool own = shape_.p() * shape_.q() % tile.m == 0;
    return deterministic_ && !own ? 0 : radix_;
  }

  // All that the family can do, the fastest by the model first.
  std::vector<Candidate> candidates() const {
    ConvolutionShape shape = shape_;
    if (deterministic_) shape.n = static_cast<int>(kDeterministicBatch * items_);
    std::vector<Candidate> found;
    for (int i = 0; i < kNumConvolutionTiles; ++i) {
      const ConvolutionTile& tile = kConvolutionTiles[i];
      if (tile.family != family_ || model_tile(tile, shape, spec_).resident_blocks(spec_) == 0)
        continue;
      const ConvolutionGemm gemm = convolution_gemm(shape, family_);
      for (const int split : cuda::kSplits) {
        if (split > 1 && gemm.num_slices < 4 * split) break;
        const ConvolutionChoice choice{i, split};
        if (!convolution_supports(shape, dtype_, choice)) continue;
        const cuda::GemmTime time = modelled(shape, choice);
        found.push_back({choice, time,
                         time.us * (split > 1 ? cuda::kSplitHandicap : 1) + sums_us(shape, tile)});
      }
    }
    std::ranges::stable_sort(found, {}, &Candidate::us);
    if (deterministic_ && !found.empty()) prefer_for_one_image(found);
    return found;
  }

  // The pinned candidate, or the best; nothing if there is none.
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
  // Of candidates by their time for kDeterministicBatch.
  void prefer_for_one_image(std::vector<Candidate>& sorted) const {
    ConvolutionShape one = shape_;
    one.n = static_cast<int>(items_);
    const double most = kDeterministicSlack * sorted.front().us;
    const auto end = std::ranges::find_if(
        sorted, [&](const Candidate& candidate) { return candidate.us > most; });
    std::ranges::stable_sort(sorted.begin(), end, {}, [&](const Candidate& candidate) {
      return modelled(one, candidate.choice).us + sums_us(one, candidate.tile());
    });
  }

  cuda::GemmTime modelled(const ConvolutionShape& shape, ConvolutionChoice choice) const {
    const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
    const ConvolutionGemm gemm = convolution_gemm(shape, family_);
    return cuda::gemm_time({.m = shape.num_rows(),
                            .n = gemm.max_columns,
                            .k = std::int64_t{gemm.num_slices} * tile.slice(),
                            .groups = shape.groups,
                            .taps = shape.r * shape.s,
                            .half = family_row(family_).tensor_cores,
                            .residual = has_residual_,
                            .pooled = sums_radix(tile) > 0,
                            .tensor_bytes = item_bytes_ * shape.n,
                            .weight_bytes = weight_bytes_},
                           model_tile(tile, shape, spec_), choice.splits, spec_);
  }

  // Of the launch that pools the result if the tile does not.
  double sums_us(const ConvolutionShape& shape, const ConvolutionTile& tile) const {
    if (radix_ == 0 || sums_radix(tile) > 0) return 0;
    const std::int64_t elements = shape.num_rows() * padded_channels(shape.k);
    return cuda::streaming_us(spec_, elements * (dtype_ == DeviceDType::kFloat16 ? 2 : 4));
  }

  const DeviceSpec& spec_;
  ConvolutionShape shape_;
  DeviceDType dtype_;
  MmaFamily family_;
  bool deterministic_, has_residual_;
  std::int64_t items_;  // of an image
  int radix_;
  std::int64_t item_bytes_, weight_bytes_;
};

class ConvolutionKernel final : public cuda::Kernel {
 public:
  ConvolutionKernel(CudaBackend& backend, std::string name, const ConvolutionArgs& args,
                    const ConvolutionParams& params, std::size_t dst_bytes)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<ConvolutionArgs>("convolution")),
        args_(args),
        params_(params),
        dst_bytes_(dst_bytes) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const MmaFamily family = kConvolutionTiles[args_.choice.tile].family;
    weight_ = cuda::packed_weight(backend(), constants, inputs[1], args_.shape, family);
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
  DeviceStatus launch(Stream stream) override {
    args_.src = input<void>(0);
    args_.residual = params_.has_residual ? input<void>(params_.has_bias ? 3 : 2) : nullptr;
    args_.dst = output<void>();
    if (args_.pooled_slots > 0) {
      args_.pooled = reinterpret_cast<float*>(output<std::byte>() + dst_bytes_);
    }
    args_.workspace = static_cast<float*>(workspace());
    return launcher_(args_, stream);
  }

  Launcher<ConvolutionArgs> launcher_;
  ConvolutionArgs args_;
  ConvolutionParams params_;
  std::size_t dst_bytes_;  // where the pooled sums begin
  std::shared_ptr<const cuda::Memory> weight_, bias_;
  std::shared_ptr<void> counters_;
};

// The choice before anything is chosen; nothing if the family cannot do it here at all.
std::optional<StepChoice> family_choice(const StepRequest& request, CudaBackend& backend,
                                        MmaFamily family) {
  const bool tensor_cores = family_row(family).tensor_cores;
  const bool half = cuda::device_dtype(request.precision) == DeviceDType::kFloat16;
  if (!family_runs_on(family, backend.spec().sm) || (tensor_cores && !half)) return std::nullopt;
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {tensor_cores ? DType::kFloat16 : DType::kFloat32, Layout::kPlain};
  return choice;
}

StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend, MmaFamily family) {
  std::optional<StepChoice> possible = family_choice(request, backend, family);
  if (!possible) return {};
  StepChoice choice = std::move(*possible);
  const TileProblem problem(request, choice, backend, family);
  const std::optional<Candidate> chosen = problem.choose(request);
  if (!chosen) return {};

  const ConvolutionShape& shape = problem.shape();
  const ConvolutionTile& tile = chosen->tile();
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const auto& p = params<ConvolutionParams>(request.node);
  ConvolutionArgs args{.dtype = cuda::device_dtype(request.precision),
                       .shape = shape,
                       .choice = chosen->choice,
                       .activation = cuda::activation_of(p)};
  const std::size_t dst_bytes = backend.buffer_bytes(dst, choice.outputs[0]);
  if (const int radix = problem.sums_radix(tile); radix > 0) {
    choice.outputs[0].sums_tile = tile.m;
    choice.outputs[0].sums_parts = radix;
    args.pooled_parts = radix;
    args.pooled_slots = static_cast<int>(cuda::sums_slots(dst, choice.outputs[0]));
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

template <MmaFamily kFamily>
StepChoice on_family(const StepRequest& request, CudaBackend& backend) {
  return implicit_gemm(request, backend, kFamily);
}

template <MmaFamily kFamily>
std::vector<TunedChoice> tiles(const StepRequest& request, CudaBackend& backend) {
  const std::optional<StepChoice> possible = family_choice(request, backend, kFamily);
  if (!possible) return {};
  std::vector<TunedChoice> result;
  for (const Candidate& candidate :
       TileProblem(request, *possible, backend, kFamily).candidates()) {
    result.push_back({.variant = {},
                      .tile = candidate.tile().name,
                      .splits = candidate.choice.splits,
                      .us = candidate.us});
  }
  return result;
}

}  // namespace

namespace cuda {

ConvolutionShape convolution_shape(const StepRequest& request) {
  const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
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
          .groups = p.groups,
          .same = p.same};
}

Activation activation_of(const ConvolutionParams& params) {
  return params.relu ? Activation::kRelu : params.swish ? Activation::kSwish : Activation::kNone;
}

StepChoice convolution_on_tensor_cores(const StepRequest& request, CudaBackend& backend) {
  return implicit_gemm(request, backend, tensor_family(backend.spec().sm));
}

}  // namespace cuda

namespace {

// As problem.h writes them, "_sums2" if the result is pooled for a split attention of radix 2, and
// "_maxpool" if the stem's maximum reads it.
std::string convolution_problem(const StepRequest& request) {
  ConvolutionProblem problem{.params = params<ConvolutionParams>(request.node),
                             .src = request.graph.desc(request.node.inputs[0]).shape,
                             .weight = request.graph.desc(request.node.inputs[1]).shape,
                             .dst = {},
                             .precision = request.precision};
  if (request.deterministic) {
    problem.src[0] = kDeterministicBatch * request.graph.items(request.node.inputs[0]);
  }
  const int radix = feeds_radix(request);
  return to_string(problem) + (radix > 0 ? fmt::format("_sums{}", radix) : "") +
         (cuda::max_pool_of(request) != nullptr ? "_maxpool" : "");
}

// Those for special shapes, then one of each family.
template <std::size_t... kRow>
CudaVariants variants(std::index_sequence<kRow...>) {
  static constexpr CudaVariant kVariants[] = {
      {"stem_convolution_mma", cuda::stem_convolution_mma},
      {"stem_convolution", cuda::stem_convolution},
      {"depthwise_convolution", cuda::depthwise_convolution},
      {"convolution_of_vectors", cuda::convolution_of_vectors},
      {"convolution_max_pool", cuda::convolution_max_pool},
      {kMmaFamilies[kRow].variant, on_family<kMmaFamilies[kRow].family>,
       tiles<kMmaFamilies[kRow].family>}...,
  };
  return {kVariants, convolution_problem};
}

}  // namespace

CudaVariants convolution_cuda() { return variants(std::make_index_sequence<kNumMmaFamilies>()); }

}  // namespace nestor
