#include "engine/ops/convolution/cuda_implicit_gemm.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/backends/cuda/convolution_step.h"
#include "engine/backends/cuda/step.h"
#include "engine/check.h"
#include "engine/ops/convolution/cuda_convolution.h"

namespace nestor::cuda {

namespace {

GemmTile tile_on(const ConvolutionShape& shape, const ConvolutionTile& tile,
                 const DeviceSpec& spec) {
  GemmTile modelled = model_tile(tile, tile.name, spec);
  if (tile.form() == ConvolutionForm::kHalo) {
    modelled.patch = static_cast<int>(halo_patch(shape, tile));
  }
  return modelled;
}

struct Candidate {
  ConvolutionChoice choice;
  GemmTime time;
  double us = 0;  // by which it is preferred

  const ConvolutionTile& tile() const { return kConvolutionTiles[choice.tile]; }
};

// Of what costs at most so many times the best for kDeterministicBatch, deterministic plans take what
// is fastest for one image. Images are not always the first dimension: a convolution may run on many
// items of each (Graph::items).
constexpr double kDeterministicSlack = 1.05;

// What tile and split-K are chosen for.
class TileProblem {
 public:
  TileProblem(const StepRequest& request, const StepChoice& choice, CudaBackend& backend,
              MmaFamily family, const GemmStep& step)
      : spec_(backend.spec()),
        shape_(step.shape),
        dtype_(device_dtype(request.precision)),
        family_(family),
        deterministic_(request.deterministic),
        has_residual_(step.params.has_residual),
        items_(request.graph.items(request.node.inputs[0])),
        radix_(step.radix),
        item_bytes_(tensor_bytes(request, choice, backend) / shape_.n),
        weight_bytes_(constant_bytes(request, choice, backend)) {}

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
      if (tile.family != family_ || tile_on(shape, tile, spec_).resident_blocks(spec_) == 0)
        continue;
      const ConvolutionGemm gemm = convolution_gemm(shape, family_);
      for (const int split : kSplits) {
        if (split > 1 && gemm.num_slices < 4 * split) break;
        const ConvolutionChoice choice{i, split};
        if (!convolution_supports(shape, dtype_, choice)) continue;
        const GemmTime time = modelled(shape, choice);
        found.push_back(
            {choice, time, time.us * (split > 1 ? kSplitHandicap : 1) + sums_us(shape, tile)});
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

  GemmTime modelled(const ConvolutionShape& shape, ConvolutionChoice choice) const {
    const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
    const ConvolutionGemm gemm = convolution_gemm(shape, family_);
    return gemm_time({.m = shape.num_rows(),
                      .n = gemm.max_columns,
                      .k = std::int64_t{gemm.num_slices} * tile.slice(),
                      .groups = shape.groups,
                      .taps = shape.r * shape.s,
                      .half = family_row(family_).tensor_cores,
                      .residual = has_residual_,
                      .pooled = sums_radix(tile) > 0,
                      .tensor_bytes = item_bytes_ * shape.n,
                      .weight_bytes = weight_bytes_},
                     tile_on(shape, tile, spec_), choice.splits, spec_);
  }

  // Of the launch that pools the result if the tile does not.
  double sums_us(const ConvolutionShape& shape, const ConvolutionTile& tile) const {
    if (radix_ == 0 || sums_radix(tile) > 0) return 0;
    const std::int64_t elements = shape.num_rows() * padded_channels(shape.k);
    return streaming_us(spec_, elements * (dtype_ == DeviceDType::kFloat16 ? 2 : 4));
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

class ConvolutionKernel : public Kernel {
 public:
  ConvolutionKernel(CudaBackend& backend, std::string name, const ConvolutionArgs& args,
                    const GemmStep& step, std::size_t dst_bytes)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<ConvolutionArgs>("convolution")),
        args_(args),
        params_(step.params),
        flattened_pixels_(step.flattened_pixels),
        dst_bytes_(dst_bytes) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const MmaFamily family = kConvolutionTiles[args_.choice.tile].family;
    weight_ =
        packed_weight(backend(), constants, inputs[1], args_.shape, family, flattened_pixels_);
    args_.weight = weight_->get();
    if (params_.has_bias) {
      bias_ = array(constants, inputs[2], padded8(args_.shape.k));
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
    args_.items = counted_rows(args_.items.per_image);
    args_.workspace = static_cast<float*>(workspace());
    return launcher_(args_, stream);
  }

  Launcher<ConvolutionArgs> launcher_;
  ConvolutionArgs args_;
  ConvolutionParams params_;
  int flattened_pixels_;
  std::size_t dst_bytes_;  // where the pooled sums begin
  std::shared_ptr<const Memory> weight_, bias_;
  std::shared_ptr<void> counters_;
};

// The choice before anything is chosen; nothing if the family cannot do it here at all.
std::optional<StepChoice> family_choice(const StepRequest& request, CudaBackend& backend,
                                        MmaFamily family) {
  const bool tensor_cores = family_row(family).tensor_cores;
  const bool half = device_dtype(request.precision) == DeviceDType::kFloat16;
  if (!family_runs_on(family, backend.spec().sm) || (tensor_cores && !half)) return std::nullopt;
  StepChoice choice = activation_choice(request);
  choice.inputs[1] = {tensor_cores ? DType::kFloat16 : DType::kFloat32, Layout::kPlain};
  return choice;
}

}  // namespace

StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend, MmaFamily family,
                         const GemmStep& step) {
  std::optional<StepChoice> possible = family_choice(request, backend, family);
  if (!possible) return {};
  StepChoice choice = std::move(*possible);
  const TileProblem problem(request, choice, backend, family, step);
  const std::optional<Candidate> chosen = problem.choose(request);
  if (!chosen) return {};

  const ConvolutionShape& shape = problem.shape();
  const ConvolutionTile& tile = chosen->tile();
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  ConvolutionArgs args{
      .dtype = device_dtype(request.precision),
      .shape = shape,
      .choice = chosen->choice,
      .activation = activation_of(step.params),
      .items = {.per_image = static_cast<int>(request.graph.items(request.node.inputs[0]))}};
  const std::size_t dst_bytes = backend.buffer_bytes(dst, choice.outputs[0]);
  if (const int radix = problem.sums_radix(tile); radix > 0) {
    choice.outputs[0].sums_tile = tile.m;
    choice.outputs[0].sums_parts = radix;
    args.pooled_parts = radix;
    args.pooled_slots = static_cast<int>(sums_slots(dst, choice.outputs[0]));
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
  choice.kernel = make_kernel<ConvolutionKernel>(backend, request.node.name, args, step, dst_bytes);
  return choice;
}

std::vector<TunedChoice> gemm_tiles(const StepRequest& request, CudaBackend& backend,
                                    MmaFamily family, const GemmStep& step) {
  const std::optional<StepChoice> possible = family_choice(request, backend, family);
  if (!possible) return {};
  std::vector<TunedChoice> result;
  for (const Candidate& candidate :
       TileProblem(request, *possible, backend, family, step).candidates()) {
    result.push_back({.variant = {},
                      .tile = candidate.tile().name,
                      .splits = candidate.choice.splits,
                      .us = candidate.us});
  }
  return result;
}

}  // namespace nestor::cuda
