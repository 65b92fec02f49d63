#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/proposals/proposals.h"
#include "kernels/proposals/proposals.h"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {

namespace {

class Step : public cuda::Kernel {
 public:
  Step(CudaBackend& backend, std::string name, const ProposalsArgs& args)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<ProposalsArgs>("proposals")),
        args_(args) {}

 private:
  DeviceStatus launch(Stream stream) override {
    args_.logits = input<float>(0);
    args_.deltas = input<float>(1);
    args_.boxes = output<float>(0);
    args_.scores = output<float>(1);
    args_.places = output<std::int32_t>(2);
    args_.count = output<std::int32_t>(3);
    args_.workspace = static_cast<unsigned char*>(workspace());
    return launcher_(args_, stream);
  }

  Launcher<ProposalsArgs> launcher_;
  ProposalsArgs args_;
};

constexpr int kStepsBesideSorting = 4;

StepChoice on_device(const StepRequest& request, CudaBackend& backend) {
  const auto& p = params<ProposalsParams>(request.node);
  const std::int64_t n = request.graph.desc(request.node.inputs[0]).shape[0];
  const std::int64_t anchors = num_anchors(p.levels), best = std::min(p.pre_nms, anchors);
  if (p.levels.size() > kMaxProposalLevels || best > kMostBestAnchors) return {};
  ProposalsArgs args{.num_levels = static_cast<int>(p.levels.size()),
                     .n = static_cast<int>(n),
                     .anchors = static_cast<int>(anchors),
                     .pre_nms = static_cast<int>(best),
                     .post_nms = static_cast<int>(p.post_nms),
                     .height = static_cast<float>(p.height),
                     .width = static_cast<float>(p.width),
                     .threshold = p.nms_threshold};
  for (std::size_t i = 0; i < p.levels.size(); ++i) {
    ProposalLevel& level = args.levels[i];
    level.stride = p.levels[i].stride;
    level.height = static_cast<int>(p.levels[i].height);
    level.width = static_cast<int>(p.levels[i].width);
    const auto cells = cell_anchors(level.stride);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      const float corners[] = {cells[k].x1, cells[k].y1, cells[k].x2, cells[k].y2};
      std::copy_n(corners, 4, level.cell[k]);
    }
  }
  StepChoice choice = cuda::activation_choice(request);
  for (BufferFormat& format : choice.inputs) format = {DType::kFloat32, Layout::kPlain};
  for (BufferFormat& format : choice.outputs) format.layout = Layout::kPlain;
  choice.outputs[0].dtype = choice.outputs[1].dtype = DType::kFloat32;
  choice.workspace_bytes = static_cast<std::size_t>(proposals_workspace(n, anchors, best).bytes);
  choice.gpu = cuda::streaming_launch(n * anchors,
                                      cuda::tensor_bytes(request, choice, backend) +
                                          static_cast<std::int64_t>(choice.workspace_bytes),
                                      0, backend.spec());
  choice.gpu->launches = kStepsBesideSorting + sort_launches(anchors);
  choice.kernel = make_kernel<Step>(backend, request.node.name, args);
  return choice;
}

}  // namespace

CudaVariants proposals_cuda() {
  static constexpr CudaVariant kVariants[] = {{"proposals", on_device}};
  return {kVariants};
}

}  // namespace nestor
