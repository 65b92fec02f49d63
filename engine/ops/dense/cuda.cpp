#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor {

namespace {

// The result is what the user gets: float32.
StepChoice dense(const StepRequest& request, CudaBackend& backend) {
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {choice.inputs[0].dtype, Layout::kPlain};
  choice.output = {DType::kFloat32, Layout::kPlain};
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  // A warp an output channel.
  choice.gpu =
      cuda::streaming_launch(dst[1] * 32, cuda::tensor_bytes(request, choice, backend),
                             cuda::constant_bytes(request, choice, backend), backend.spec());
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

}  // namespace

std::span<const CudaVariant> dense_cuda() {
  static constexpr CudaVariant kVariants[] = {{"dense", dense}};
  return kVariants;
}

}  // namespace nestor
