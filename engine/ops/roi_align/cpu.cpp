// A region a thread: where its points lie is computed once for all channels.

#include <array>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/roi_align/roi_align.h"

namespace nestor {

namespace {

constexpr int kMostSamples = 64;  // along an axis of a region: room on the stack
constexpr std::size_t kFirstMap = 2;

using AxisSamples = std::array<cpu::AxisSample, kMostSamples>;

void sample_axis(float start, float bin, int bins, int samples, std::int64_t size,
                 AxisSamples& to) {
  for (int i = 0; i < bins * samples; ++i) {
    const float within = (static_cast<float>(i % samples) + 0.5F) * bin;
    const float at = start + static_cast<float>(i / samples) * bin;
    const RoiSample s = sample_at(at + within / static_cast<float>(samples), size);
    to[static_cast<std::size_t>(i)] = {s.low, s.high, s.low_weight, s.high_weight};
  }
}

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const RoiAlignParams& params, std::vector<Shape> maps, std::int64_t rois,
         BufferFormat format)
      : params_(params),
        maps_(std::move(maps)),
        rois_(rois),
        kernels_(cpu::plane_kernels(format.dtype)) {
    for (const Shape& map : maps_) planes_.emplace_back(map, format);
    dst_ = cpu::Planes({1, maps_[0][1], params.bins_h, params.bins_w}, format);
  }

 protected:
  void run_planes(int threads) override {
    for (std::int64_t n = 0; n < maps_[0][0]; ++n) {
      const std::int64_t used = rows_in_use(static_cast<const std::int32_t*>(src(1))[n]);
      cpu::parallel_for(threads, used, [&](std::int64_t i) { pool(n, n * rois_ + i); });
    }
  }

 private:
  void pool(std::int64_t n, std::int64_t row) const {
    const RoiPlace place = place_of(static_cast<const Box*>(src(0))[row], params_);
    const auto level = static_cast<std::size_t>(place.level);
    const Shape& map = maps_[level];
    AxisSamples rows, columns;
    sample_axis(place.start_y, place.bin_h, params_.bins_h, params_.samples, map[2], rows);
    sample_axis(place.start_x, place.bin_w, params_.bins_w, params_.samples, map[3], columns);
    const cpu::PlaneRegion region{rows.data(), columns.data(), params_.bins_h, params_.bins_w,
                                  params_.samples};
    for (std::int64_t block = 0; block < dst_.blocks; ++block) {
      kernels_.pool_region(planes_[level].plane(src(kFirstMap + level), n, block), map[3], region,
                           dst_.plane(dst(), row, block));
    }
  }

  const RoiAlignParams params_;
  const std::vector<Shape> maps_;
  std::int64_t rois_;
  const cpu::PlaneKernels& kernels_;
  std::vector<cpu::Planes> planes_;
  cpu::Planes dst_;  // of one region
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const auto& p = params<RoiAlignParams>(request.node);
  if (std::max(p.bins_h, p.bins_w) * p.samples > kMostSamples) return {};
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const std::span<const ValueId> inputs = request.node.inputs;
  std::vector<Shape> maps;
  for (const ValueId id : inputs.subspan(kFirstMap)) maps.push_back(request.graph.desc(id).shape);
  StepChoice choice{.variant = {},
                    .inputs = std::vector<BufferFormat>(inputs.size(), format),
                    .outputs = {format}};
  choice.inputs[0] = {DType::kFloat32, Layout::kPlain};
  choice.inputs[1] = {DType::kInt32, Layout::kPlain};
  choice.kernel =
      make_kernel<Kernel>(p, std::move(maps), request.graph.desc(inputs[0]).shape[1], format);
  return choice;
}

}  // namespace

std::span<const CpuVariant> roi_align_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
