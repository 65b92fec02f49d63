// Fused convolutions on CUDA: one variant for each MMA family of kernels/convolution, whose tile and
// split-K the model chooses.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/convolution_step.h"
#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "kernels/convolution/fused_convolution.h"

namespace nestor {

namespace {

int narrow(std::int64_t value) { return static_cast<int>(value); }

// --- what can be done ---------------------------------------------------------------------------

// The launcher's description of a source; c = 0 if it has none.
ConvolutionSource source_of(const FusedSource& source, const Shape& src) {
  const PoolingParams& pool = source.pool;
  const bool gated = source.radix > 0;
  ConvolutionSource to{.h = narrow(src[2]),
                       .w = narrow(src[3]),
                       .c = narrow(src[1]) / std::max(1, source.radix),
                       .stride = source.has_pool ? pool.stride : source.stride,
                       .gated = gated};
  if (gated && source.radix != kFusedRadix) return {};
  if (!source.has_pool) return to;
  to.window = pool.kernel;
  to.pad = pool.pad;
  // AVD divides by 9, a shortcut's pool by the pixels that exist.
  const bool counts_all = pool.count_include_pad && !pool.ceil_mode;
  const bool counts_existing = !pool.count_include_pad || (pool.pad == 0 && !pool.ceil_mode);
  return (gated ? counts_all : counts_existing) ? to : ConvolutionSource{};
}

FusedConvolutionShape shape_of(const StepRequest& request) {
  const Node& node = request.node;
  const auto& p = params<FusedConvolutionParams>(node);
  const auto shape = [&](std::size_t input) -> const Shape& {
    return request.graph.desc(node.inputs[input]).shape;
  };
  const Shape& dst = request.graph.desc(node.outputs[0]).shape;
  FusedConvolutionShape to{.n = narrow(dst[0]),
                           .p = narrow(dst[2]),
                           .q = narrow(dst[3]),
                           .k = narrow(dst[1]),
                           .source = source_of(p.source, shape(0)),
                           .shortcut = {}};
  if (p.has_shortcut) {
    to.shortcut = source_of(p.shortcut, shape(fused_convolution_inputs(p).shortcut));
    if (to.shortcut.c == 0) to.source = {};
  }
  return to;
}

// --- the model ----------------------------------------------------------------------------------

struct LoadCost {
  double elements;  // that come from L2 for one of A
  double share;     // of the arithmetic's rate that is left
};

// Shares so that 128x256 on sm_70 takes 1.3 (pool) times the plain kernel's cycles, as the model of
// the SASS says (sm70/fused_convolution.cu; 1.07 with attention); attention's is the tile plan's
// more cautious estimate. The AVD pool's loads, of which all but two wait, are an estimate too.
LoadCost load_cost(const ConvolutionSource& source, const DeviceSpec& spec) {
  switch (source_kind(source)) {
    case SourceKind::kPool: return {.elements = kFusedPoolParts, .share = 0.85};
    case SourceKind::kAttention:
      return {.elements = kFusedRadix, .share = spec.sm < 80 ? 0.90 : 0.85};
    case SourceKind::kAttentionPool: {
      const double stride = source.stride;
      return {.elements = std::max(kFusedAvdParts * spec.tap_reuse, kFusedRadix * stride * stride),
              .share = 0.35};
    }
    case SourceKind::kPlain:
    case SourceKind::kNone: break;
  }
  return {.elements = 1, .share = 1};
}

// `tabled`: the tile's cycles are known, with what its load and a second main loop cost.
cuda::GemmProblem problem_of(const FusedConvolutionShape& shape, const ConvolutionTile& tile,
                             bool tabled, bool residual, const DeviceSpec& spec) {
  const auto slices = [&](const ConvolutionSource& source) {
    return source.c == 0 ? 0.0 : convolution_gemm(shape.gemm(source), tile.family).num_slices * 1.0;
  };
  const double first = slices(shape.source), second = slices(shape.shortcut);
  const LoadCost a = load_cost(shape.source, spec), b = load_cost(shape.shortcut, spec);
  // Gates that are fetched first, and a second main loop that starts anew, cost about a slice each.
  const int starts = tabled ? 0 : (shape.source.gated ? 1 : 0) + (shape.shortcut.c > 0 ? 1 : 0);
  return {.m = std::int64_t{shape.n} * shape.p * shape.q,
          .n = shape.k,
          .k = (narrow(static_cast<std::int64_t>(first + second)) + starts) * tile.slice(),
          .fetched = (first * a.elements + second * b.elements) / (first + second),
          .load_share = (first + second) / (first / a.share + second / b.share),
          .half = family_row(tile.family).tensor_cores,
          .residual = residual};
}

struct Candidate {
  ConvolutionChoice choice;
  cuda::GemmTime time;
  double us;  // by which it is preferred
};

// Tiles and splits that can do it, the fastest by the model first.
std::vector<Candidate> candidates(const FusedConvolutionShape& shape, bool residual,
                                  MmaFamily family, DeviceDType dtype, std::int64_t tensor_bytes,
                                  std::int64_t weight_bytes, const DeviceSpec& spec) {
  std::vector<Candidate> found;
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    const ConvolutionTile& tile = kConvolutionTiles[i];
    if (tile.family != family || !fused_convolution_supports(shape, dtype, {i, 1})) continue;
    cuda::GemmTile modelled = cuda::model_tile(tile, fused_tile(shape, i)->name, spec);
    modelled.shared_bytes = fused_shared_bytes(shape, tile);
    if (modelled.resident_blocks(spec) == 0) continue;
    cuda::GemmProblem problem = problem_of(shape, tile, modelled.cycles != nullptr, residual, spec);
    problem.tensor_bytes = tensor_bytes;
    problem.weight_bytes = weight_bytes;
    for (const int split : cuda::kSplits) {
      const ConvolutionChoice choice{i, split};
      if (split > 1 && fused_num_slices(shape, family) < 4 * split) break;
      if (!fused_convolution_supports(shape, dtype, choice)) continue;
      const cuda::GemmTime time = cuda::gemm_time(problem, modelled, split, spec);
      found.push_back({choice, time, time.us * (split > 1 ? cuda::kSplitHandicap : 1)});
    }
  }
  std::ranges::stable_sort(found, {}, &Candidate::us);
  return found;
}

// --- the step -----------------------------------------------------------------------------------

class FusedConvolutionKernel : public cuda::Kernel {
 public:
  FusedConvolutionKernel(CudaBackend& backend, std::string name, const FusedConvolutionArgs& args,
                         const FusedConvolutionParams& params)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<FusedConvolutionArgs>("fused_convolution")),
        args_(args),
        params_(params) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const FusedConvolutionShape& shape = args_.shape;
    const MmaFamily family = kConvolutionTiles[args_.choice.tile].family;
    weight_ =
        cuda::packed_weight(backend(), constants, inputs[1], shape.gemm(shape.source), family);
    args_.weight = weight_->get();
    bias_ = array(constants, inputs[2], cuda::padded8(shape.k));
    args_.bias = static_cast<const float*>(bias_->get());
    if (params_.has_shortcut) {
      shortcut_weight_ = cuda::packed_weight(
          backend(), constants, inputs[fused_convolution_inputs(params_).shortcut_weight],
          shape.gemm(shape.shortcut), family);
      args_.shortcut_weight = shortcut_weight_->get();
    }
    const int num_counters = convolution_num_counters(shape.gemm(shape.source), args_.choice);
    if (num_counters == 0) return;
    counters_ = backend().allocate(static_cast<std::size_t>(num_counters) * sizeof(unsigned));
    args_.counters = static_cast<unsigned*>(counters_.get());
  }

 private:
  DeviceStatus launch(Stream stream) override {
    const FusedConvolutionInputs at = fused_convolution_inputs(params_);
    args_.src = input<void>(0);
    args_.gates = params_.source.radix > 0 ? input<float>(at.gates) : nullptr;
    args_.shortcut = params_.has_shortcut ? input<void>(at.shortcut) : nullptr;
    args_.residual = params_.has_residual ? input<void>(at.residual) : nullptr;
    args_.dst = output<void>();
    args_.workspace = static_cast<float*>(workspace());
    return launcher_(args_, stream);
  }

  Launcher<FusedConvolutionArgs> launcher_;
  FusedConvolutionArgs args_;
  FusedConvolutionParams params_;
  std::shared_ptr<const cuda::Memory> weight_, bias_, shortcut_weight_;
  std::shared_ptr<void> counters_;
};

// The choice before a tile is chosen, with the family's formats.
StepChoice untiled_choice(const StepRequest& request, MmaFamily family) {
  const auto& p = params<FusedConvolutionParams>(request.node);
  const FusedConvolutionInputs at = fused_convolution_inputs(p);
  StepChoice choice = cuda::activation_choice(request);
  const DType weight = family_row(family).tensor_cores ? DType::kFloat16 : DType::kFloat32;
  choice.inputs[1].dtype = weight;
  if (p.has_shortcut) choice.inputs[at.shortcut_weight].dtype = weight;
  if (p.source.radix > 0) choice.inputs[at.gates] = {DType::kFloat32, Layout::kPlain};
  return choice;
}

std::vector<Candidate> candidates(const StepRequest& request, CudaBackend& backend,
                                  MmaFamily family) {
  const FusedConvolutionShape shape = shape_of(request);
  if (!family_runs_on(family, backend.spec().sm) || shape.source.c == 0) return {};
  const StepChoice choice = untiled_choice(request, family);
  return candidates(shape, params<FusedConvolutionParams>(request.node).has_residual, family,
                    cuda::device_dtype(request.precision),
                    cuda::tensor_bytes(request, choice, backend),
                    cuda::constant_bytes(request, choice, backend), backend.spec());
}

template <MmaFamily kFamily>
std::vector<TunedChoice> tiles(const StepRequest& request, CudaBackend& backend) {
  std::vector<TunedChoice> result;
  for (const Candidate& candidate : candidates(request, backend, kFamily)) {
    result.push_back({.variant = {},
                      .tile = kConvolutionTiles[candidate.choice.tile].name,
                      .splits = candidate.choice.splits,
                      .us = candidate.us});
  }
  return result;
}

template <MmaFamily kFamily>
StepChoice on_family(const StepRequest& request, CudaBackend& backend) {
  const std::vector<Candidate> all = candidates(request, backend, kFamily);
  const auto chosen = std::ranges::find_if(all, [&](const Candidate& candidate) {
    return request.pinned == nullptr ||
           (request.pinned->tile == kConvolutionTiles[candidate.choice.tile].name &&
            request.pinned->splits == candidate.choice.splits);
  });
  if (chosen == all.end()) return {};
  const ConvolutionChoice tile_choice = chosen->choice;
  const cuda::GemmTime time = chosen->time;
  const auto& p = params<FusedConvolutionParams>(request.node);
  const DeviceDType dtype = cuda::device_dtype(request.precision);
  const FusedConvolutionShape shape = shape_of(request);
  StepChoice choice = untiled_choice(request, kFamily);

  const ConvolutionTile& tile = kConvolutionTiles[tile_choice.tile];
  const ConvolutionShape gemm = shape.gemm(shape.source);
  const ConvolutionGrid grid = convolution_grid(gemm, tile_choice);
  choice.workspace_bytes = convolution_workspace_bytes(gemm, tile_choice);
  choice.unread_bytes =
      cuda::sums_bytes(request.graph.desc(request.node.inputs[0]).shape, request.available[0]);
  choice.gpu = GpuLaunch{
      .grid = {grid.tiles_n, grid.tiles_m, grid.splits},
      .block = tile.num_threads(),
      .shared_bytes = fused_shared_bytes(shape, tile),
      .waves = time.waves,
      .tile = fmt::format("{}x{}{}", tile.m, tile.n,
                          grid.splits > 1 ? fmt::format(", split {}", grid.splits) : ""),
      .workspace_traffic_bytes = 2 * static_cast<std::int64_t>(choice.workspace_bytes),
      .modelled_us = time.us,
  };
  choice.kernel = make_kernel<FusedConvolutionKernel>(
      backend, request.node.name,
      FusedConvolutionArgs{.dtype = dtype,
                           .shape = shape,
                           .choice = tile_choice,
                           .activation = p.relu ? Activation::kRelu : Activation::kNone},
      p);
  return choice;
}

// "fused_n16_h56_w56_k256_gated_c64_h56_w56_st1_window1_p0_residual_relu_fp16": dst, then each
// source and what it takes.
std::string fused_convolution_problem(const StepRequest& request) {
  const FusedConvolutionShape shape = shape_of(request);
  const auto& p = params<FusedConvolutionParams>(request.node);
  const auto text = [](const ConvolutionSource& source) {
    return fmt::format("{}_c{}_h{}_w{}_st{}_window{}_p{}", source.gated ? "_gated" : "", source.c,
                       source.h, source.w, source.stride, source.window, source.pad);
  };
  return fmt::format("fused_n{}_h{}_w{}_k{}{}{}{}{}_{}", shape.n, shape.p, shape.q, shape.k,
                     text(shape.source), p.has_shortcut ? "_shortcut" + text(shape.shortcut) : "",
                     p.has_residual ? "_residual" : "", p.relu ? "_relu" : "",
                     to_string(request.precision));
}

template <std::size_t... kRow>
CudaVariants variants(std::index_sequence<kRow...>) {
  static constexpr CudaVariant kVariants[] = {{kMmaFamilies[kRow].fused_variant,
                                               on_family<kMmaFamilies[kRow].family>,
                                               tiles<kMmaFamilies[kRow].family>}...};
  return {kVariants, fused_convolution_problem};
}

}  // namespace

CudaVariants fused_convolution_cuda() {
  return variants(std::make_index_sequence<kNumMmaFamilies>());
}

}  // namespace nestor
