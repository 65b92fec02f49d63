#include <cmath>

#include "engine/backends/cuda/streaming.h"
#include "engine/ops/roi_align/roi_align.h"
#include "kernels/roi_align/roi_align.h"

namespace nestor {

namespace {

constexpr std::size_t kFirstMap = 2;

// As engine/boxes/roi_level.h decides: sqrt(area) / 224 + 1e-6 reaches a power of two.
double smallest_area(int level) {
  const double side = 224 * (std::exp2(level - 4) - 1e-6);
  return side * side;
}

StepChoice roi_align(const StepRequest& request, CudaBackend& backend) {
  const auto& p = params<RoiAlignParams>(request.node);
  const Graph& graph = request.graph;
  const Shape& boxes = graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = graph.desc(request.node.outputs[0]).shape;
  if (p.strides.size() > kMaxRoiLevels) return {};
  RoiAlignArgs args{.dtype = cuda::device_dtype(request.precision),
                    .num_levels = static_cast<int>(p.strides.size()),
                    .n = static_cast<int>(boxes[0]),
                    .rois = static_cast<int>(boxes[1]),
                    .c = static_cast<int>(cuda::padded8(dst[1])),
                    .bins_h = p.bins_h,
                    .bins_w = p.bins_w,
                    .samples = p.samples};
  for (std::size_t i = 0; i < p.strides.size(); ++i) {
    const Shape& map = graph.desc(request.node.inputs[kFirstMap + i]).shape;
    args.levels[i] = {.h = static_cast<int>(map[2]),
                      .w = static_cast<int>(map[3]),
                      .scale = 1.0F / static_cast<float>(p.strides[i]),
                      .smallest_area = smallest_area(p.first_level + static_cast<int>(i))};
  }
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[0] = {DType::kFloat32, Layout::kPlain};
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.gpu->grid = {dst[0], 1, 1};
  return cuda::streaming(request, backend, "roi_align", std::move(choice), args,
                         [](RoiAlignArgs& to, const cuda::Kernel& step) {
                           to.boxes = step.input<float>(0);
                           to.count = step.input<std::int32_t>(1);
                           for (int i = 0; i < to.num_levels; ++i) {
                             to.levels[i].map =
                                 step.input<void>(kFirstMap + static_cast<std::size_t>(i));
                           }
                           to.dst = step.output<void>();
                         });
}

}  // namespace

CudaVariants roi_align_cuda() {
  static constexpr CudaVariant kVariants[] = {{"roi_align", roi_align}};
  return {kVariants};
}

}  // namespace nestor
