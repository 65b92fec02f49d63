#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor {

namespace {

StepChoice pooling(const StepRequest& request, CudaBackend& backend) {
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

}  // namespace

std::span<const CudaVariant> pooling_cuda() {
  static constexpr CudaVariant kVariants[] = {{"pooling", pooling}};
  return kVariants;
}

}  // namespace nestor
