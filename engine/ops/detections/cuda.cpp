#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/detections/detections.h"
#include "kernels/detections/detections.h"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {

namespace {

class Step : public cuda::Kernel {
 public:
  Step(CudaBackend& backend, std::string name, const DetectionsArgs& args)
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<DetectionsArgs>("detections")),
        args_(args) {}

 private:
  DeviceStatus launch(Stream stream) override {
    args_.logits = input<float>(0);
    args_.deltas = input<float>(1);
    args_.proposals = input<float>(2);
    args_.used = input<std::int32_t>(3);
    args_.boxes = output<float>(0);
    args_.scores = output<float>(1);
    args_.classes_of = output<std::int32_t>(2);
    args_.rois_of = output<std::int32_t>(3);
    args_.count = output<std::int32_t>(4);
    args_.workspace = static_cast<unsigned char*>(workspace());
    return launcher_(args_, stream);
  }

  Launcher<DetectionsArgs> launcher_;
  DetectionsArgs args_;
};

constexpr int kStepsBesideSorting = 4;

StepChoice on_device(const StepRequest& request, CudaBackend& backend) {
  const auto& p = params<DetectionsParams>(request.node);
  const Graph& graph = request.graph;
  const Shape& boxes = graph.desc(request.node.inputs[2]).shape;
  const std::int64_t n = boxes[0], rois = boxes[1];
  const std::int64_t classes = graph.desc(request.node.inputs[0]).shape[1] - 1;
  if (rois > kMostRegions) return {};
  const DetectionsArgs args{.n = static_cast<int>(n),
                            .rois = static_cast<int>(rois),
                            .classes = static_cast<int>(classes),
                            .most = static_cast<int>(graph.desc(request.node.outputs[1]).shape[1]),
                            .lowest_score = kLowestScore,
                            .score_threshold = p.score_threshold,
                            .nms_threshold = p.nms_threshold,
                            .center_scale = kDetectionScale.center,
                            .size_scale = kDetectionScale.size};
  StepChoice choice = cuda::activation_choice(request);
  for (std::size_t i = 0; i < choice.inputs.size(); ++i) {
    choice.inputs[i] = {graph.desc(request.node.inputs[i]).dtype, Layout::kPlain};
  }
  for (std::size_t i = 0; i < choice.outputs.size(); ++i) {
    choice.outputs[i] = {graph.desc(request.node.outputs[i]).dtype, Layout::kPlain};
  }
  choice.workspace_bytes = static_cast<std::size_t>(detections_workspace(n, rois, classes).bytes);
  choice.gpu = cuda::streaming_launch(n * rois * classes,
                                      cuda::tensor_bytes(request, choice, backend) +
                                          static_cast<std::int64_t>(choice.workspace_bytes),
                                      0, backend.spec());
  choice.gpu->launches = kStepsBesideSorting + sort_launches(rois * classes);
  choice.kernel = make_kernel<Step>(backend, request.node.name, args);
  return choice;
}

}  // namespace

CudaVariants detections_cuda() {
  static constexpr CudaVariant kVariants[] = {{"detections", on_device}};
  return {kVariants};
}

}  // namespace nestor
